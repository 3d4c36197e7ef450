"""Random flips, shifts and crops of pictures, inside the compiled step and so on the device.

All of them read a row or a column of the result from a place between two rows or columns of the picture. So each is a
matrix with two entries a line, and two products of matrices do all at once: no loop over pictures, and no gather, which
XLA computes value by value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import tensorflow as tf

from trainer.models.layers.dropout import mixed
from trainer.options import Augmentation

# One hash for each draw, and which axes a flip has.
_FLIP, _SHIFT, _CROP = range(3)
_VERTICAL, _HORIZONTAL = range(2)
_FLIPS = {"none": (), "vertical": (_VERTICAL,), "horizontal": (_HORIZONTAL,), "both": (_VERTICAL, _HORIZONTAL)}
_DRAWS = 8
_GOLDEN = 0x9E3779B9


class Augmenter:
    """Changes the pictures of a batch.

    Args:
        options: what is changed, and how much.
        seed: int, the training's.
    """

    def __init__(self, options: Augmentation, *, seed: int):
        self._options = options
        self._seed = seed

    def changed(self, features: Mapping[str, tf.Tensor], *, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """The features of one replica's part of a batch, those of rank 4 changed.

        Args:
            features: by name; pictures are float32 ``[rows, height, width, channels]``. All pictures of a row change
                alike.
            step: int32 scalar, the number of the step.
        """
        if not self._options.changes:
            return dict(features)
        return {
            name: self._picture(value, step) if value.shape.rank == 4 else value for name, value in features.items()
        }

    def _picture(self, pictures: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        rows, height, width, channels = (size or 0 for size in pictures.shape)
        draws = self._draws(rows, step)
        if self._options.flip != "horizontal" or self._moves:
            vertical = self._matrix(draws, _VERTICAL, height)
            flat = tf.reshape(pictures, [rows, height, width * channels])
            pictures = tf.reshape(tf.matmul(vertical, flat), [rows, height, width, channels])
        if self._options.flip != "vertical" or self._moves:
            horizontal = self._matrix(draws, _HORIZONTAL, width)
            pictures = tf.einsum("bij,bhjc->bhic", horizontal, pictures)
        return pictures

    @property
    def _moves(self) -> bool:
        return self._options.shift > 0 or self._options.crop < 1

    def _draws(self, rows: int, step: tf.Tensor) -> tf.Tensor:
        """Uniform numbers, float32 ``[rows, draws]`` in [0, 1), of the rows' places in the whole batch."""
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group if context else 0, tf.uint32)
        key = mixed(
            mixed(tf.constant(self._seed, tf.uint32) + tf.constant(_GOLDEN, tf.uint32)) + tf.cast(step, tf.uint32)
        )
        places = replica * rows * _DRAWS + tf.reshape(tf.cast(tf.range(rows * _DRAWS), tf.uint32), [rows, _DRAWS])
        bits = mixed(mixed(places) ^ key)
        return tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24

    def _matrix(self, draws: tf.Tensor, axis: int, side: int) -> tf.Tensor:
        """What each line of the result is made of, float32 ``[rows, side, side]``."""
        flip, shift, crop = (draws[:, 2 * what + axis, tf.newaxis] for what in (_FLIP, _SHIFT, _CROP))
        # A crop has the shape of the picture, and so one size for both axes.
        share = 1.0 - (1.0 - self._options.crop) * draws[:, 2 * _CROP + 2, tf.newaxis]
        lines = tf.range(side, dtype=tf.float32)[tf.newaxis]
        source = (lines + 0.5) * share - 0.5 + (1.0 - share) * side * crop
        if self._options.shift:
            # Whole pixels keep the picture sharp.
            most = _pixels(self._options.shift, side)
            source += tf.floor(shift * (2 * most + 1)) - most
        if axis in _FLIPS[self._options.flip]:
            source = tf.where(flip < 0.5, side - 1.0 - source, source)
        source = tf.clip_by_value(source, 0.0, side - 1.0)
        return tf.nn.relu(1.0 - tf.abs(source[:, :, tf.newaxis] - lines[:, tf.newaxis]))


def without_effect(options: Augmentation, *, sides: Collection[int]) -> list[str]:
    """Messages about options that change nothing in pictures of these heights and widths."""
    if options.changes and not sides:
        return ["augmentation has no effect: the network reads no picture."]
    if options.shift and not any(_pixels(options.shift, side) for side in sides):
        return [f"augmentation.shift has no effect: {options.shift:g} of {max(sides)} pixels is less than half of one."]
    return []


def _pixels(share: float, side: int) -> int:
    return round(share * side)
