"""What TFMA demands of the labels of a binary metric."""

from __future__ import annotations

import numpy as np


def require_shares(labels: np.ndarray) -> None:
    """Refuse labels that are no share of positive.

    Raises:
        ValueError: one is below 0 or above 1.
    """
    wrong = (labels < 0) | (labels > 1)
    if wrong.any():
        raise ValueError(
            f"{wrong.sum():,} of {labels.size:,} labels are outside 0 to 1; the first is {labels[wrong][0]:g}"
        )
