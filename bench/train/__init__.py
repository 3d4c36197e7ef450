"""Training steps and the Trainer node, against stock TFX and plain Keras."""
