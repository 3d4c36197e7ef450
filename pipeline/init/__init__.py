"""``python -m pipeline init``: from a stranger's table to a config and a schema with which ``run`` works."""
