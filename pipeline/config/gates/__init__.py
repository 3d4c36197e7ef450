"""What data, model and export must reach: one module per gate."""
