"""The gates of the DAG, and what they judge by."""
