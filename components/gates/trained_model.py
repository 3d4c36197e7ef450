"""The trained model's own answers, computed without the export, and what an export answers differently."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2

from serving.inference.probe import Answers, ProbeFailed
from trainer import models
from trainer.data import specs
from trainer.export.saved_model import CLASSIFY, COLUMNAR, REGRESS, TRANSFORM_FEATURES
from trainer.features.raw import MISSING
from trainer.models.heads import head_of
from trainer.models.outcome import outcome_of
from trainer.parameters import KERAS_MODEL, Label

if TYPE_CHECKING:
    from trainer.data.specs import FeatureSpecs

SERVING_DEFAULT = "serving_default"


class TrainedModel:
    """The Keras file that the trainer wrote before the export, behind Transform's graph.

    Args:
        label: the label, whose head turns logits into outputs.
        keras_model: path of the Keras file.
        transform_graph: folder of Transform's output.

    Raises:
        ProbeFailed: the Keras file does not exist.
    """

    def __init__(self, *, label: Label, keras_model: str, transform_graph: str):
        if not tf.io.gfile.exists(keras_model):
            raise ProbeFailed(f"the trainer wrote no {KERAS_MODEL} beside the export to compare it with")
        self._label = label
        self._keras_model = keras_model
        self._output = tft.TFTransformOutput(transform_graph)

    def answers(self, records: Sequence[bytes]) -> Answers:
        """The outputs of every signature that an export for this label must have.

        Args:
            records: serialized raw tf.Examples. Columns that were complete in training may lack values.
        """
        raw = specs.parse(tf.constant(list(records), tf.string), _lenient(self._output.raw_feature_spec()))
        transformed = {name: tensor.numpy() for name, tensor in self._transform.apply_transform_model(raw).items()}
        head = head_of(self._label, outcome_of(self._model))
        predictions = head.predictions(models.apply(self._model, transformed, training=False))
        served = {name: tensor.numpy() for name, tensor in head.outputs(predictions).items()}
        return {
            SERVING_DEFAULT: served,
            COLUMNAR: served,
            TRANSFORM_FEATURES: transformed,
            **_generic_answers(self._label, predictions.numpy()),
        }

    @cached_property
    def _model(self) -> Any:
        return models.load(self._keras_model)

    @cached_property
    def _transform(self) -> saved_transform_io_v2.SavedModelLoader:
        return saved_transform_io_v2.SavedModelLoader(self._output.transform_savedmodel_dir)


def _lenient(raw_spec: FeatureSpecs) -> dict[str, Any]:
    """The specs with `MISSING` in place of what a row lacks."""
    return {
        name: tf.io.FixedLenFeature(
            spec.shape, spec.dtype, np.full(specs.row_shape(spec), MISSING[tf.as_dtype(spec.dtype)]).tolist()
        )
        if isinstance(spec, tf.io.FixedLenFeature)
        else spec
        for name, spec in raw_spec.items()
    }


def _generic_answers(label: Label, predictions: np.ndarray) -> Answers:
    """The answers to TF Serving's Classify or Regress call."""
    if label.task == "regression":
        return {REGRESS: {tf.saved_model.REGRESS_OUTPUTS: predictions}}
    scores = np.concatenate([1 - predictions, predictions], axis=1) if label.task == "binary" else predictions
    names = np.array([name.encode() for name in label.class_names()], dtype=object)
    return {
        CLASSIFY: {
            tf.saved_model.CLASSIFY_OUTPUT_CLASSES: np.tile(names, (len(scores), 1)),
            tf.saved_model.CLASSIFY_OUTPUT_SCORES: scores,
        }
    }


def compare(answers: Answers, expected: Answers, *, tolerance: float) -> str | None:
    """The first difference from the trained model in one line; None if every output of every signature is equal.

    A signature that is not in ``expected`` is one of the user's own and is not compared.
    """
    missing = expected.keys() - answers.keys()
    if missing:
        return f"the export lacks the signature {min(missing)}; it has {', '.join(sorted(answers)) or 'none'}"
    for signature, wanted in sorted(expected.items()):
        outputs = answers[signature]
        if outputs.keys() != wanted.keys():
            return f"signature {signature} returns {sorted(outputs)}, not {sorted(wanted)}"
        for name, array in sorted(outputs.items()):
            difference = _difference(array, wanted[name], tolerance=tolerance)
            if difference:
                return f"{name} of signature {signature} {difference}"
    return None


def _difference(array: np.ndarray, wanted: np.ndarray, *, tolerance: float) -> str | None:
    if array.shape != wanted.shape:
        return f"has shape {array.shape}, not {wanted.shape}"
    if array.dtype.kind != wanted.dtype.kind:
        return f"is of type {array.dtype}, not {wanted.dtype}"
    if wanted.dtype.kind != "f":
        # Names and ids are right or wrong: even a large id must not be off by one.
        different = np.argwhere(array != wanted)
        if len(different):
            place = tuple(different[0])
            return f"is {_plain(array[place])}, the trained model's is {_plain(wanted[place])}"
        return None
    largest = float(np.max(np.abs(array - wanted) / np.maximum(1.0, np.abs(wanted)), initial=0.0))
    if not largest <= tolerance:
        return f"differs from the trained model by {largest:.3g}, more than the tolerance {tolerance:g}"
    return None


def _plain(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
