"""What leaves the trainer: the SavedModel, and TF Lite files."""
