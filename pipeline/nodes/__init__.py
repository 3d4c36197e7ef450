"""The DAG's nodes, grouped as the data goes: data, training, gates, push."""
