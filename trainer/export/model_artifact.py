"""Whether a Model artifact holds a model. The trainer checks its base model, so this is not in ``components``."""

from __future__ import annotations

import tensorflow as tf


def is_empty(uri: str) -> bool:
    """Whether there is no file at ``uri``, like the baseline of a first run on a platform."""
    return not any(files for _, _, files in tf.io.gfile.walk(uri))
