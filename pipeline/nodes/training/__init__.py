"""The Trainer and what goes before it: the search, the warm start, and jobs outside the task."""
