"""Loss and metrics while training, of the rows held back or of the eval split."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from trainer import models
from trainer.data.batches import eval_blocks
from trainer.data.columns import Columns
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY, LABEL_KEY
from trainer.models.heads import Head
from trainer.parameters import LOSS

# What is evaluated at a time: rows, and bytes of them. A network keeps many times as much of a picture.
_ROWS_PER_BLOCK, _BYTES_PER_BLOCK = 4096, 8 * 2**20


class Evaluation:
    """Evaluates every example of a split once.

    Every process evaluates the whole split by itself. So all of them get the same figures, bit for bit, and agree on
    when to stop without any communication.

    Args:
        model: from transformed features to logits.
        columns: the rows.
        head: loss, predictions and metrics of the task.
        eager: whether to run in Python, for debugging.
    """

    def __init__(self, *, model: keras.Model, columns: Columns, head: Head, eager: bool):
        self._model = model
        self._columns = columns
        self._head = head
        self._metrics = head.metrics()
        self._logits = _logits if eager else tf.function(_logits, reduce_retracing=True, autograph=False)

    def run(self) -> dict[str, float]:
        """The mean loss under `LOSS`, and the head's metrics by name; weighted by the example weights."""
        loss = keras.metrics.Mean()
        for metric in self._metrics:
            metric.reset_state()
        for label, weight, logits in self._blocks():
            loss.update_state(self._head.losses(label, logits), sample_weight=None if weight is None else weight[:, 0])
            predictions = self._head.predictions(logits)
            for metric in self._metrics:
                metric.update_state(label, predictions, sample_weight=weight)
        return {LOSS: _value(loss), **{metric.name: _value(metric) for metric in self._metrics}}

    def predictions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of every example: the prediction, ``[rows, units]``, the label and the example weight, ``[rows]`` both."""
        blocks = [
            (
                self._head.predictions(logits).numpy(),
                label.numpy()[:, 0],
                np.ones(len(label)) if weight is None else weight.numpy()[:, 0],
            )
            for label, weight, logits in self._blocks()
        ]
        predictions, labels, weights = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return predictions, labels, weights

    def _blocks(self) -> Iterator[tuple[tf.Tensor, tf.Tensor | None, tf.Tensor]]:
        """Labels, example weights and logits of all examples, some thousand at a time."""
        rows = min(_ROWS_PER_BLOCK, max(1, _BYTES_PER_BLOCK // self._columns.layout.unpacked_row_bytes))
        for block in eval_blocks(self._columns, batch_size=rows):
            features = self._columns.layout.unpack({name: tf.constant(matrix) for name, matrix in block.items()})
            label = features.pop(LABEL_KEY)
            weight = features.pop(EXAMPLE_WEIGHT_KEY, None)
            yield label, weight, self._logits(self._model, features)


def _value(metric: keras.metrics.Metric) -> float:
    return float(np.asarray(metric.result()))


def _logits(model: keras.Model, features: dict[str, tf.Tensor]) -> tf.Tensor:
    return models.apply(model, features, training=False)
