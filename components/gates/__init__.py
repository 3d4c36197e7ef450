"""The gates: data, model, export."""
