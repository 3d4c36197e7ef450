"""The export of a run, asked as clients ask it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer.models.heads import head_of
from trainer.parameters import Label

_SIGNATURE = "serving_default"
_WARM, _TIMES = 3, 30


class AskedModel:
    """An export.

    Args:
        folder: of the SavedModel.
        label: what it predicts.
    """

    def __init__(self, folder: Path, label: Label):
        self._loaded = tf.saved_model.load(str(folder))
        self._signature = self._loaded.signatures[_SIGNATURE]
        [self._input] = self._signature.structured_input_signature[1]
        self._output = head_of(label).output

    @property
    def signatures(self) -> list[str]:
        """The names of what clients can call."""
        return sorted(self._loaded.signatures)

    def answers(self, records: Sequence[bytes]) -> np.ndarray:
        """Predictions, float64 `[rows, outputs]`, of serialized tf.Examples."""
        said = self._signature(**{self._input: tf.constant(list(records), tf.string)})[self._output].numpy()
        return said.reshape(len(records), -1).astype(np.float64)

    def milliseconds(self, records: Sequence[bytes]) -> tuple[float, float]:
        """Median and 95th percentile of the time that an answer to these rows takes, without a network."""
        taken = []
        # The first ones build what later ones reuse.
        for _ in range(_WARM + _TIMES):
            start = time.perf_counter()
            self.answers(records)
            taken.append(1000 * (time.perf_counter() - start))
        middle, high = np.percentile(taken[_WARM:], (50, 95))
        return float(middle), float(high)
