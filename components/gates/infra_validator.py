"""InfraValidator: loads the export as TF Serving would, sends it real examples and compares it with the trained model.

The standard InfraValidator needs docker and a TF Serving image. This one starts another process that loads the
SavedModel with the v1 Session loader, the code that TF Serving runs, and emits the standard InfraBlessing. That process
also makes and tries the warm-up requests of the served model.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from components.annotations import InputArtifact, OutputArtifact, Parameter
from components.example_gen.shards import read_records
from components.gates import infra_blessing
from serving.inference.probe import Answers, ProbeFailed, WarmUp, probing
from trainer import models
from trainer.export.saved_model import CLASSIFY, COLUMNAR, REGRESS, TRANSFORM_FEATURES
from trainer.models.heads import head_of
from trainer.models.outcome import outcome_of
from trainer.parameters import Label
from trainer.run_fn import KERAS_MODEL

SERVING_DEFAULT = "serving_default"
# The signatures that clients call; only the evaluation calls the one for transformed features.
_WARMED_UP = (SERVING_DEFAULT, COLUMNAR, CLASSIFY, REGRESS)


@component
def InfraValidator(  # noqa: N802 (TFX names components as classes)
    model: InputArtifact[standard_artifacts.Model],
    transform_graph: InputArtifact[standard_artifacts.TransformGraph],
    examples: InputArtifact[standard_artifacts.Examples],
    blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    label: Parameter[str],
    split: Parameter[str],
    num_examples: Parameter[int],
    tolerance: Parameter[float],
    timeout_seconds: Parameter[int],
    warmup: Parameter[int],
    code: Parameter[str],
) -> None:
    """Bless the export if every signature gives the trained model's answers to real examples.

    Args:
        model: the Trainer's output: the export, and the trained Keras model as it was before the export.
        transform_graph: Transform's output.
        examples: raw examples from ExampleGen.
        blessing: the verdict, positive or negative; the Pusher refuses a negative one. Holds the warm-up file that the
            Pusher puts into the served version.
        label: a `trainer.parameters.Label` as JSON; its task decides which signatures the export must have.
        split: name of the split to take examples from.
        num_examples: number of examples to send.
        tolerance: largest accepted difference of an output, absolute for values up to 1 and relative above.
        timeout_seconds: limit for loading and answering together, in seconds.
        warmup: 1 to write a warm-up file of one example, 0 for none.
        code: digest of the sources that decide; only for the cache key.
    """
    [split_uri] = artifact_utils.get_split_uris([examples], split)
    records = read_records(split_uri, limit=num_examples)
    if not records:
        infra_blessing.write(blessing, model_id=model.id, reason=f"split {split} has no examples to send")
        return
    saved_model = path_utils.serving_model_path(model.uri)
    warm_up = WarmUp(signatures=_WARMED_UP, folder=Path(blessing.uri)) if warmup else None
    try:
        with probing(saved_model, records, timeout_seconds=timeout_seconds, warm_up=warm_up) as answers:
            expected = trained_answers(
                records,
                label=Label.model_validate_json(label),
                keras_model=f"{model.uri}/{KERAS_MODEL}",
                transform_graph=transform_graph.uri,
            )
            reason = compare(answers(), expected, tolerance=tolerance)
    except ProbeFailed as error:
        reason = str(error)
    infra_blessing.write(blessing, model_id=model.id, reason=reason)


def trained_answers(records: list[bytes], *, label: Label, keras_model: str, transform_graph: str) -> Answers:
    """The trained model's answers to ``records``, computed without the export.

    Args:
        records: serialized raw tf.Examples.
        label: the label, whose head turns logits into outputs.
        keras_model: path of the Keras file that the trainer wrote before the export.
        transform_graph: folder of Transform's output.

    Returns:
        The outputs of every signature that an export for this label must have.

    Raises:
        ProbeFailed: the Keras file does not exist.
    """
    if not tf.io.gfile.exists(keras_model):
        raise ProbeFailed(f"the trainer wrote no {KERAS_MODEL} beside the export to compare it with")
    output = tft.TFTransformOutput(transform_graph)
    loader = saved_transform_io_v2.SavedModelLoader(output.transform_savedmodel_dir)
    raw = tf.io.parse_example(records, output.raw_feature_spec())
    transformed = {name: tensor.numpy() for name, tensor in loader.apply_transform_model(raw).items()}
    model = models.load(keras_model)
    head = head_of(label, outcome_of(model))
    predictions = head.predictions(models.apply(model, transformed, training=False))
    served = {name: tensor.numpy() for name, tensor in head.outputs(predictions).items()}
    return {
        SERVING_DEFAULT: served,
        COLUMNAR: served,
        TRANSFORM_FEATURES: transformed,
        **_generic_answers(label, predictions.numpy()),
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
