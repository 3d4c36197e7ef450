"""Parsing specs of tf.Examples. TensorFlow's own annotations admit shapes and results that Transform never yields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from tensorflow_transform.common_types import FeatureSpecType

    FeatureSpecs = Mapping[str, FeatureSpecType]


def row_shape(spec: Any) -> tuple[int, ...]:
    """The shape of one row of a fixed-length feature, given its spec."""
    return tuple(spec.shape)


def parse(records: tf.Tensor, specs: FeatureSpecs) -> dict[str, Any]:
    """Tensors by feature, dense or sparse as their specs say, of serialized tf.Examples, string ``[batch]``."""
    return tf.io.parse_example(records, dict(specs))
