"""Our own TFX components, each for a job that no standard component does: ingest, gates, push, training elsewhere."""

import trainer  # noqa: F401 (pins Keras 3 in every worker process, see trainer/__init__.py)
