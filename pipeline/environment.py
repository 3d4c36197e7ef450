"""Environment variables that TensorFlow and ML Metadata read at their first import."""

from __future__ import annotations

import os


def quiet_tensorflow(*, verbose: bool) -> None:
    """Turn off TensorFlow's C++ logs, and its search for a metadata server outside a cloud.

    Args:
        verbose: whether the logs stay on.
    """
    if not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("NO_GCE_CHECK", "true")


def quiet_metadata() -> None:
    """Turn off ML Metadata's C++ logs: errors get a line of ours instead."""
    os.environ.setdefault("GLOG_minloglevel", "3")
