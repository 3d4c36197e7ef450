"""The SavedModel that is evaluated, validated and served: from raw features to the task's prediction."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.python.saved_model import fingerprinting_utils
from tensorflow_transform.saved import saved_transform_io_v2

from trainer import models
from trainer.data import specs
from trainer.export import archive
from trainer.features import image
from trainer.models.heads import head_of
from trainer.models.outcome import outcome_of
from trainer.parameters import Label

COLUMNAR = "columnar"
TRANSFORM_FEATURES = "transform_features"
CLASSIFY = "classify"
REGRESS = "regress"
# TF Serving's Classify and Regress APIs only accept a signature with this method name.
METHOD_NAMES = {
    CLASSIFY: tf.compat.v1.saved_model.signature_constants.CLASSIFY_METHOD_NAME,
    REGRESS: tf.compat.v1.saved_model.signature_constants.REGRESS_METHOD_NAME,
}
# The value that stands for a missing one in the columnar signature, by dtype.
MISSING = {tf.float32: np.nan, tf.int64: np.iinfo(np.int64).min, tf.string: ""}

_SAVED_MODEL_FILE = "saved_model.pb"


class ServingModel(tf.Module):
    """The transform graph followed by the trained model.

    Args:
        model: from transformed features to logits.
        transform_output: the Transform component's output.
        label: what the model predicts.
        served: names of the raw features in a request.
    """

    def __init__(
        self, *, model: keras.Model, transform_output: tft.TFTransformOutput, label: Label, served: Collection[str]
    ):
        super().__init__()
        self.model = model
        loader = saved_transform_io_v2.SavedModelLoader(transform_output.transform_savedmodel_dir)
        self.transform_resources = loader._imported  # noqa: SLF001 (what must be tracked has no public name)
        self._apply_transform: Callable[..., Any] = loader.apply_transform_model
        self._raw_spec = transform_output.raw_feature_spec()
        self._transformed_spec = transform_output.transformed_feature_spec()
        self._label = label
        self._head = head_of(label, outcome_of(model))
        self._served = sorted(served)

    @property
    def task_signature(self) -> str:
        """The name of the signature for TF Serving's API for this task: `CLASSIFY` or `REGRESS`."""
        return REGRESS if self._label.task == "regression" else CLASSIFY

    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """``serving_default``: serialized tf.Examples, string ``[batch]``, to float32 ``[batch, units]``."""
        return self._head.outputs(self._predict_examples(examples))

    def serve_columns(self, columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """``columnar``: one tensor per raw feature (see `columnar_signature`), `MISSING` for a missing value."""
        raw = {}
        for name in self._served:
            spec, values = self._raw_spec[name], columns[name]
            if isinstance(spec, tf.io.VarLenFeature):
                raw[name] = _drop_missing(tf.reshape(values, [-1, math.prod(self._columnar_shape(name))]))
            else:
                raw[name] = tf.reshape(values, [-1, *specs.row_shape(spec)])
        return self._head.outputs(self._predict(raw))

    def transform_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """``transform_features``: serialized tf.Examples to transformed features and label, for evaluation."""
        return dict(self._apply_transform(specs.parse(examples, self._raw_spec)))

    def classify_examples(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """``classify``: serialized tf.Examples to class names and scores, both ``[batch, classes]``."""
        scores = self._predict_examples(inputs)
        if self._label.task == "binary":
            scores = tf.concat([1 - scores, scores], axis=1)
        classes = tf.tile(tf.constant([self._label.class_names()]), tf.stack([tf.shape(scores)[0], 1]))
        return {"classes": classes, "scores": scores}

    def regress_examples(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """``regress``: serialized tf.Examples to numbers, float32 ``[batch, 1]``."""
        return {"outputs": self._predict_examples(inputs)}

    def columnar_signature(self) -> dict[str, tf.TensorSpec]:
        """The columnar signature's inputs: ``[batch]`` for one value a row, ``[batch, n]`` for a list of n values."""
        return {
            name: tf.TensorSpec([None, *self._columnar_shape(name)], self._raw_spec[name].dtype, name=name)
            for name in self._served
        }

    def _columnar_shape(self, name: str) -> list[int]:
        """The shape of a row; a list that may be missing has no shape in the raw spec, but its picture has one."""
        spec, picture = self._raw_spec[name], self._transformed_spec.get(image.transformed_name(name))
        if isinstance(spec, tf.io.FixedLenFeature):
            shape = specs.row_shape(spec)
            return [] if math.prod(shape) == 1 else list(shape)
        if picture is not None and spec.dtype != tf.string:
            return [math.prod(specs.row_shape(picture))]
        return []

    def _predict_examples(self, examples: tf.Tensor) -> tf.Tensor:
        spec = {name: self._raw_spec[name] for name in self._served}
        return self._predict(specs.parse(examples, spec))

    def _predict(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> tf.Tensor:
        return self._head.predictions(models.apply(self.model, self._apply_transform(raw), training=False))


def _drop_missing(values: tf.Tensor) -> tf.SparseTensor:
    if values.dtype == tf.float32:
        present = tf.logical_not(tf.math.is_nan(values))
    else:
        present = values != MISSING[values.dtype]
    indices = tf.where(present)
    return tf.SparseTensor(indices, tf.gather_nd(values, indices), tf.shape(values, out_type=tf.int64))


def export(
    *,
    model: keras.Model,
    transform_output: tft.TFTransformOutput,
    label: Label,
    served: Collection[str],
    path: str,
) -> None:
    """Write the SavedModel with its signatures to ``path``, which appears only once it is complete.

    Args:
        model: the trained model.
        transform_output: the Transform component's output.
        label: what the model predicts.
        served: names of the raw features that the model reads and that requests must carry.
        path: the folder to write; an existing one is replaced.
    """
    serving = ServingModel(model=model, transform_output=transform_output, label=label, served=served)
    task = serving.task_signature
    signatures = {
        "serving_default": (serving.serve_examples, [_strings("examples")]),
        COLUMNAR: (serving.serve_columns, [serving.columnar_signature()]),
        TRANSFORM_FEATURES: (serving.transform_examples, [_strings("examples")]),
        task: (serving.classify_examples if task == CLASSIFY else serving.regress_examples, [_strings("inputs")]),
    }
    # Next to the final folder, so that a rename is enough.
    staging = f"{path.rstrip('/')}.tmp-{uuid.uuid4().hex[:8]}"
    try:
        # Not all of ``serving`` as resources: Keras would try every layer with a made-up float input, and silently give
        # up looking for tables at the first one that takes ids.
        archive.write(staging, signatures, resources=serving.transform_resources)
        set_method_name(staging, signature=task, method_name=METHOD_NAMES[task])
        if tf.io.gfile.exists(path):
            tf.io.gfile.rmtree(path)
        _move(staging, path)
    finally:
        if tf.io.gfile.exists(staging):
            tf.io.gfile.rmtree(staging)


def _move(staging: str, path: str) -> None:
    """Rename a folder, or copy it where that fails: in a bucket mounted with Cloud Storage FUSE."""
    try:
        tf.io.gfile.rename(staging, path)
    except tf.errors.OpError:
        _copy(staging, path)


def _copy(source: str, target: str) -> None:
    """Copy a SavedModel; the file that identifies it comes last."""
    files = [(folder, name) for folder, _, names in tf.io.gfile.walk(source) for name in names]
    for folder, name in sorted(files, key=lambda file: file[1] == _SAVED_MODEL_FILE):
        to = tf.io.gfile.join(target, folder[len(source) :].strip("/"))
        tf.io.gfile.makedirs(to)
        tf.io.gfile.copy(tf.io.gfile.join(folder, name), tf.io.gfile.join(to, name), overwrite=True)


def set_method_name(path: str, *, signature: str, method_name: str) -> None:
    """Rewrite one signature's method name in a SavedModel, and the fingerprint that depends on it.

    TF 2 writes every signature with Predict's method name and has no option for another.

    Args:
        path: folder of the SavedModel.
        signature: name of the signature.
        method_name: its new method name.
    """
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(path)
    updater.replace_method_name(signature_key=signature, method_name=method_name)
    updater.save()
    tf.io.gfile.remove(f"{path}/fingerprint.pb")
    fingerprinting_utils.write_fingerprint(path)


def _strings(name: str) -> tf.TensorSpec:
    """One serialized tf.Example per row."""
    return tf.TensorSpec([None], tf.string, name=name)
