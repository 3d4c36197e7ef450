"""The SavedModel that is evaluated, validated and served: raw features in, probability out.

Always through ``keras.export.ExportArchive``. A Keras 3 model saved with ``tf.saved_model.save`` loads in
Python, but fails every request in TF Serving, whose Session loader does not see its variables.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2

from trainer.features import LABEL_KEY

PROBABILITY = "probability"
COLUMNAR = "columnar"
TRANSFORM_FEATURES = "transform_features"
# How the columnar signature spells a missing value, by dtype.
MISSING = {tf.float32: np.nan, tf.int64: np.iinfo(np.int64).min, tf.string: ""}

Spec = Mapping[str, tf.io.FixedLenFeature | tf.io.VarLenFeature]


class ServingModel(tf.Module):
    """The transform graph and the trained model behind one another.

    Args:
        model: from transformed features to logits.
        transform_dir: the SavedModel inside the Transform component's output.
        raw_spec: the raw features' parsing spec.
        served: names of the raw features that requests carry.
    """

    def __init__(self, *, model: keras.Model, transform_dir: str, raw_spec: Spec, served: Collection[str]):
        super().__init__()
        self.model = model
        loader = saved_transform_io_v2.SavedModelLoader(transform_dir)
        self.transform_resources = loader._imported  # noqa: SLF001 (what must be tracked has no public name)
        self._apply_transform = loader.apply_transform_model
        self._raw_spec = raw_spec
        self._served = sorted(served)

    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """``serving_default``: serialized tf.Examples, string ``[batch]``, to probability, float32 ``[batch, 1]``."""
        spec = {name: self._raw_spec[name] for name in self._served}
        return self._predict(tf.io.parse_example(examples, spec))

    def serve_columns(self, columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """``columnar``: one ``[batch]`` tensor per raw feature, `MISSING` for a missing value."""
        raw = {}
        for name in self._served:
            values = tf.reshape(columns[name], [-1, 1])
            if isinstance(self._raw_spec[name], tf.io.VarLenFeature):
                raw[name] = _drop_missing(values)
            else:
                raw[name] = values
        return self._predict(raw)

    def transform_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """``transform_features``: serialized tf.Examples to transformed features and label, for evaluation."""
        return dict(self._apply_transform(tf.io.parse_example(examples, dict(self._raw_spec))))

    def columnar_signature(self) -> dict[str, tf.TensorSpec]:
        """The columnar signature's inputs."""
        return {name: tf.TensorSpec([None], self._raw_spec[name].dtype, name=name) for name in self._served}

    def _predict(self, raw: dict[str, tf.Tensor | tf.SparseTensor]) -> dict[str, tf.Tensor]:
        features = dict(self._apply_transform(raw))
        features.pop(LABEL_KEY, None)
        return {PROBABILITY: tf.sigmoid(self.model(features, training=False))}


def _drop_missing(values: tf.Tensor) -> tf.SparseTensor:
    if values.dtype == tf.float32:
        present = tf.logical_not(tf.math.is_nan(values))
    else:
        present = values != MISSING[values.dtype]
    indices = tf.where(present)
    return tf.SparseTensor(indices, tf.gather_nd(values, indices), tf.shape(values, out_type=tf.int64))


def export(*, model: keras.Model, transform_output: tft.TFTransformOutput, served: Collection[str], path: str) -> None:
    """Write the SavedModel with its three signatures to ``path``.

    Args:
        model: the trained model.
        transform_output: of the Transform component.
        served: the raw features that the model reads and that requests therefore carry.
        path: the folder to write.
    """
    serving = ServingModel(
        model=model,
        transform_dir=transform_output.transform_savedmodel_dir,
        raw_spec=transform_output.raw_feature_spec(),
        served=served,
    )
    examples = [tf.TensorSpec([None], tf.string, name="examples")]
    archive = keras.export.ExportArchive()
    archive.track(serving)
    # Autograph has nothing to convert here and costs a quarter of the export.
    for name, function, signature in (
        ("serving_default", serving.serve_examples, examples),
        (COLUMNAR, serving.serve_columns, [serving.columnar_signature()]),
        (TRANSFORM_FEATURES, serving.transform_examples, examples),
    ):
        archive.add_endpoint(name, tf.function(function, input_signature=signature, autograph=False))
    archive.write_out(path, verbose=False)
