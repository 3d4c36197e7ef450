"""The numbers that a regression can be judged by. No TensorFlow here."""

from __future__ import annotations

import math

# Squares of errors are float32, from 1e-38 to 3e38; they are added up over rows, and a good model's are far smaller.
_LEAST, _MOST = 1e-15, 1e15


def out_of_scale(least: float, most: float) -> str:
    """What is wrong with labels whose squared errors would be infinite or 0, and what to do; empty if nothing is.

    Args:
        least: the smallest label.
        most: the largest label.
    """
    size, spread = max(-least, most), most - least
    if not 0 < spread < math.inf or (size <= _MOST and spread >= _LEAST):
        return ""
    unit = 10.0 ** math.floor(math.log10(size))
    return (
        f"ranges from {least:g} to {most:g}, too {'large' if size > 1 else 'small'} to be squared: divide by {unit:g}"
    )
