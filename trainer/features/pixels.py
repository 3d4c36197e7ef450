"""Raw pictures to pixel tensors, as part of the transform graph and so of serving."""

from __future__ import annotations

import math
import re

import tensorflow as tf

from trainer.features.raw import Raw, is_present


def pixels(raw: Raw, *, shape: tuple[int, int, int], scale: float, name: str) -> tf.Tensor:
    """The pixels of a raw feature.

    Args:
        raw: encoded pictures, string ``[batch, 1]``, or numbers ``[batch, height * width * channels]``; sparse where
            a picture may be missing, which makes it all zeros, as an empty text does there.
        shape: target height and width in pixels, and channels.
        scale: the divisor of the pixel values.
        name: the raw feature's name, for the error message.

    Returns:
        float32 ``[batch, height, width, channels]``.

    Raises:
        ValueError: a row has another number of values than a picture.
    """
    if raw.dtype == tf.string:
        values = _decode(raw, shape, name=name)
    else:
        values = _numbers(raw, shape, name=name)
    return values / scale


def is_no_picture(values: tf.Tensor) -> tf.Tensor:
    """Which texts do not begin as a picture's file does; an empty one is none either."""
    starts = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")
    return ~tf.reduce_any(tf.stack([tf.strings.substr(values, 0, len(start)) == start for start in starts]), axis=0)


def is_no_picture_or_none(values: tf.Tensor) -> tf.Tensor:
    """As `is_no_picture`, where an empty text is a missing picture."""
    return is_no_picture(values) & (values != b"")


def _decode(raw: Raw, shape: tuple[int, int, int], *, name: str) -> tf.Tensor:
    # TensorFlow ends the decoder's error with the name of its node, the only place that can say the column.
    node = f"in_column_{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}"

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        found = tf.cast(tf.io.decode_image(encoded, expand_animations=False, name=node), tf.float32)
        resized = tf.image.resize(_channels(found, shape[2]), shape[:2], antialias=True)
        # Whole numbers, as of a file of this size: the trainer keeps them in a byte each.
        return tf.ensure_shape(tf.round(resized), shape)

    def decode_or_zeros(encoded: tf.Tensor) -> tf.Tensor:
        return tf.cond(encoded == "", lambda: tf.zeros(shape), lambda: decode(encoded))

    if isinstance(raw, tf.SparseTensor):
        column = tf.SparseTensor(raw.indices, raw.values, [raw.dense_shape[0], 1])
        dense, unreadable = tf.sparse.to_dense(column, default_value=""), is_no_picture_or_none
    else:
        dense, unreadable = raw, is_no_picture
    pictures = tf.reshape(dense, [-1])
    message = [tf.constant(f"a row does not hold a picture (PNG, JPEG, GIF or BMP) in: {name!r}")]
    readable = tf.raw_ops.Assert(condition=~tf.reduce_any(unreadable(pictures)), data=message)
    with tf.control_dependencies([readable]):
        pictures = tf.identity(pictures)
    return tf.map_fn(decode_or_zeros, pictures, fn_output_signature=tf.TensorSpec(shape, tf.float32))


def _channels(decoded: tf.Tensor, channels: int) -> tf.Tensor:
    """Convert a picture of any number of channels to 1 (grey) or 3 (red, green, blue); transparency is dropped.

    The decoder converts only some formats itself, so it decodes the channels that the file has.
    """
    decoded = tf.ensure_shape(decoded, [None, None, None])
    colour = tf.shape(decoded)[-1] >= 3
    if channels == 1:
        picked = tf.cond(colour, lambda: tf.image.rgb_to_grayscale(decoded[:, :, :3]), lambda: decoded[:, :, :1])
    else:
        picked = tf.cond(colour, lambda: decoded[:, :, :3], lambda: tf.tile(decoded[:, :, :1], [1, 1, 3]))
    return tf.ensure_shape(picked, [None, None, channels])


def _numbers(raw: Raw, shape: tuple[int, int, int], *, name: str) -> tf.Tensor:
    count = math.prod(shape)
    if isinstance(raw, tf.SparseTensor):
        dense = tf.sparse.to_dense(tf.SparseTensor(raw.indices, raw.values, [raw.dense_shape[0], count]))
    elif raw.shape[1:].num_elements() == count:
        dense = raw
    else:
        raise ValueError(
            f"features.{name}: a row holds {raw.shape[1:].num_elements()} numbers, and a picture of "
            f"{shape[0]} x {shape[1]} x {shape[2]} needs {count}; correct height, width or channels."
        )
    # A picture that is missing is all zeros.
    known = tf.where(is_present(dense), dense, tf.zeros_like(dense))
    return tf.reshape(tf.cast(known, tf.float32), [-1, *shape])
