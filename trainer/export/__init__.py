"""The trainer's exports: the SavedModel, and TF Lite files."""
