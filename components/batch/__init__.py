"""Batch inference: the rows of files, scored by a served SavedModel with its columnar signature."""
