"""The verdict on what an export answers to rows that lack a column or have an extreme value in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.gates.trained_model import TrainedModel, compare
from serving.inference.unusual_rows import UnusualRow


def judge(rows: Sequence[UnusualRow], trained: TrainedModel, *, tolerance: float) -> str | None:
    """Why the export is refused, in one line; None if it does what the trained model does, or names the column.

    Args:
        rows: what the export said.
        trained: the trained model.
        tolerance: as of `compare`.
    """
    for row in rows:
        for signature, text in sorted(row.failed.items()):
            return f"signature {signature} fails for a row {row.words}: {text}"
        for signature, outputs in sorted(row.answers.items()):
            for name, array in sorted(outputs.items()):
                if array.dtype.kind == "f" and not np.isfinite(array).all():
                    return f"{name} of signature {signature} is {_first(array)} for a row {row.words}"
    answered = [row for row in rows if row.answers]
    if not answered:
        return None
    try:
        expected = trained.answers([row.record for row in answered])
    except tf.errors.InvalidArgumentError as error:
        # Only what the export answers is asked, so the two disagree.
        return f"the trained model refuses a row {answered[0].words} and the export does not: {error.message}"
    for index, row in enumerate(answered):
        wanted = {
            signature: {name: array[index : index + 1] for name, array in expected[signature].items()}
            for signature in row.answers
            if signature in expected
        }
        difference = compare(row.answers, wanted, tolerance=tolerance)
        if difference:
            return f"for a row {row.words}, {difference}"
    return None


def _first(array: np.ndarray) -> str:
    return str(array[~np.isfinite(array)][0])
