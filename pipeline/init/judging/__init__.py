"""What becomes of the columns: the label's task, a kind for each feature, what is left out, limits and slices."""
