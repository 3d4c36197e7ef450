"""What the model learns to predict: its configuration, and the way from raw columns to the label."""
