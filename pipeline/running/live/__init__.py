"""The last step of a run: a model server, and questions to it."""
