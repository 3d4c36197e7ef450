"""What becomes of the served model: its requests, their drift, and its answers where true labels arrive."""
