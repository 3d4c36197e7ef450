"""The input of the training: decoded columns, and batches of them."""
