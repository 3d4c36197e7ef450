"""The SavedModel that is evaluated, validated and served: from raw features to the task's prediction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.python.saved_model import fingerprinting_utils, loader_impl

from trainer import models
from trainer.export import archive
from trainer.export.requests import RequestParser
from trainer.export.transform_graph import TransformGraph
from trainer.features.columns import Features
from trainer.features.raw import Raw
from trainer.features.transformed import model_inputs
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

_SAVED_MODEL_FILE = "saved_model.pb"


class ServingModel(tf.Module):
    """The transform graph followed by the trained model.

    Args:
        model: from transformed features to logits.
        transform_output: the Transform component's output.
        label: what the model predicts.
        features: the configured features, whose columns a request holds.
    """

    def __init__(
        self, *, model: keras.Model, transform_output: tft.TFTransformOutput, label: Label, features: Features
    ):
        super().__init__()
        self.model = models.served(model)
        self.transform = TransformGraph(transform_output, features)
        self.tables = self.transform.resources
        self._inputs = models.inputs_of(model) or sorted(model_inputs(transform_output.transformed_feature_spec()))
        self._outputs = sorted(transform_output.transformed_feature_spec())
        self.requests = RequestParser(
            transform_output.raw_feature_spec(),
            served=self.transform.read(self._inputs, among=features.names()),
            scalars=self.transform.scalars(self._inputs),
            columns=features.columns(),
        )
        self._label = label
        self._head = head_of(label, outcome_of(model))

    @property
    def task_signature(self) -> str:
        """The name of the signature for TF Serving's API for this task: `CLASSIFY` or `REGRESS`."""
        return REGRESS if self._label.task == "regression" else CLASSIFY

    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """``serving_default``: serialized tf.Examples, string ``[batch]``, to float32 ``[batch, units]``."""
        return self._head.outputs(self._predict_examples(examples))

    def serve_columns(self, *columns: tf.Tensor) -> dict[str, tf.Tensor]:
        """``columnar``: one tensor per raw feature; see `trainer.export.requests.Requests.columns`."""
        named = dict(zip(self.requests.names, columns, strict=True))
        return self._head.outputs(self._predict(self.requests.columns(named)))

    def transform_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """``transform_features``: serialized tf.Examples to transformed features and label, for evaluation."""
        raw = self.requests.parse(examples, more=self.transform.read(self._outputs))
        return self.transform.apply(raw, self._outputs)

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

    def _predict_examples(self, examples: tf.Tensor) -> tf.Tensor:
        return self._predict(self.requests.parse(examples))

    def _predict(self, raw: Mapping[str, Raw]) -> tf.Tensor:
        transformed = self.transform.apply(raw, self._inputs)
        return self._head.predictions(models.apply(self.model, transformed, training=False))


def export(
    *,
    model: keras.Model,
    transform_output: tft.TFTransformOutput,
    label: Label,
    features: Features,
    path: str,
) -> None:
    """Write the SavedModel with its signatures to ``path``, which appears only once it is complete.

    Args:
        model: the trained model.
        transform_output: the Transform component's output.
        label: what the model predicts.
        features: the configured features, whose columns a request must carry.
        path: the folder to write; an existing one is replaced.
    """
    serving = ServingModel(model=model, transform_output=transform_output, label=label, features=features)
    task = serving.task_signature
    signatures = {
        "serving_default": (serving.serve_examples, [_strings("examples")]),
        COLUMNAR: (serving.serve_columns, serving.requests.signature()),
        TRANSFORM_FEATURES: (serving.transform_examples, [_strings("examples")]),
        task: (serving.classify_examples if task == CLASSIFY else serving.regress_examples, [_strings("inputs")]),
    }
    # Next to the final folder, so that a rename is enough.
    staging = f"{path.rstrip('/')}.tmp-{uuid.uuid4().hex[:8]}"
    try:
        # Not all of ``serving`` as resources: Keras would try every layer with a made-up float input, and silently give
        # up looking for tables at the first one that takes ids.
        archive.write(staging, signatures, resources=serving.transform.resources)
        edit(
            staging,
            Edit(signature=task, method_name=METHOD_NAMES[task]),
            Edit(signature=COLUMNAR, inputs=serving.requests.takes()),
        )
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


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What TensorFlow has no option for when it writes a signature.

    Attributes:
        signature: its name.
        method_name: its method name; None for Predict's, which TensorFlow writes.
        inputs: what its inputs ``column_0``, ``column_1`` and so on hold, by the names that they get, of any
            characters; empty keeps them. The name of the first dimension says it: of all that TF Serving's metadata
            show, only this is free.
    """

    signature: str
    method_name: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)


def edit(path: str, *edits: Edit) -> None:
    """Change signatures of a SavedModel, and the fingerprint that depends on them.

    Args:
        path: folder of the SavedModel.
        edits: the changes.
    """
    saved_model = loader_impl.parse_saved_model(path)
    [graph] = saved_model.meta_graphs
    for each in edits:
        signature = graph.signature_def[each.signature]
        signature.method_name = each.method_name or signature.method_name
        given = {f"column_{index}": name for index, name in enumerate(each.inputs)}
        inputs = {
            given.get(key, key): type(info).FromString(info.SerializeToString())
            for key, info in signature.inputs.items()
        }
        signature.inputs.clear()
        for name, info in inputs.items():
            signature.inputs[name].CopyFrom(info)
        for name, holds in each.inputs.items():
            signature.inputs[name].tensor_shape.dim[0].name = holds
    with tf.io.gfile.GFile(f"{path}/{_SAVED_MODEL_FILE}", "wb") as file:
        file.write(saved_model.SerializeToString(deterministic=True))
    tf.io.gfile.remove(f"{path}/fingerprint.pb")
    fingerprinting_utils.write_fingerprint(path)


def _strings(name: str) -> tf.TensorSpec:
    """One serialized tf.Example per row."""
    return tf.TensorSpec([None], tf.string, name=name)
