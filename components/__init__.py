"""Components of ours, each where no standard TFX component does the job: gates, infra validation, push."""

import trainer  # noqa: F401 (pins Keras 3 in every worker process, see trainer/__init__.py)
