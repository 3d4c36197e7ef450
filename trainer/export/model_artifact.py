"""Whether a Model artifact holds a model. Here, because the trainer asks it of its base model, too."""

from __future__ import annotations

import tensorflow as tf


def is_empty(uri: str) -> bool:
    """True where there is no file at ``uri``: on a platform, that is the baseline of a first run."""
    return not any(files for _, _, files in tf.io.gfile.walk(uri))
