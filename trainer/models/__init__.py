"""The networks that the trainer can build."""
