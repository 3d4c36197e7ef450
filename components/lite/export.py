"""LiteExport: converts the trained model to a TF Lite file, in a standard Model artifact that the Evaluator reads."""

import json
from pathlib import Path

import tensorflow as tf
import tensorflow_transform as tft
from pydantic import TypeAdapter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from components.annotations import InputArtifact, OutputArtifact, Parameter
from components.example_gen.shards import read_records
from trainer import models
from trainer.export import lite
from trainer.export.lite_variants import Variant
from trainer.features.transformed import model_inputs
from trainer.models.heads import BinaryHead, head_of
from trainer.models.outcome import outcome_of
from trainer.parameters import KERAS_MODEL, Label

# The description beside the model's folder: variant, size, time per row, inputs and output.
DESCRIPTION = "lite.json"
# TensorFlow Model Analysis finds a TF Lite model by this name only.
_FILE = "tflite"


@component
def LiteExport(  # noqa: N802 (TFX names components as classes)
    model: InputArtifact[standard_artifacts.Model],
    transform_graph: InputArtifact[standard_artifacts.TransformGraph],
    transformed_examples: InputArtifact[standard_artifacts.Examples],
    lite_model: OutputArtifact[standard_artifacts.Model],
    label: Parameter[str],
    variant: Parameter[str],
    num_representative: Parameter[int],
    code: Parameter[str],
) -> None:
    """Convert the trained model.

    Args:
        model: the Trainer's output, with the Keras file.
        transform_graph: Transform's output, for the types and shapes of the transformed features.
        transformed_examples: Transform's output; ``int8`` takes the range of each value from the ``train`` split.
        lite_model: the TF Lite file and its description.
        label: a `trainer.parameters.Label` as JSON; its task decides the file's output.
        variant: a `trainer.export.lite_variants.Variant`.
        num_representative: number of examples for ``int8``.
        code: digest of the sources that decide; only for the cache key.

    Raises:
        ValueError: the Keras file is missing, or there are no examples.
    """
    keras_file = f"{model.uri}/{KERAS_MODEL}"
    if not tf.io.gfile.exists(keras_file):
        raise ValueError(f"{keras_file} is missing: run_fn must save the Keras model there for TF Lite.")
    [folder] = artifact_utils.get_split_uris([transformed_examples], "train")
    records = read_records(folder, limit=num_representative)
    if not records:
        raise ValueError(f"{folder} has no transformed examples to convert with.")
    feature_spec = model_inputs(tft.TFTransformOutput(transform_graph.uri).transformed_feature_spec())
    batch = {name: tensor.numpy() for name, tensor in tf.io.parse_example(records, feature_spec).items()}

    trained = models.load(keras_file)
    specs = {name: tf.TensorSpec([None, *array.shape[1:]], array.dtype) for name, array in batch.items()}
    inputs = lite.input_specs(trained, specs)
    batch = {name: batch[name] for name in inputs}
    head = head_of(Label.model_validate_json(label), outcome_of(trained))
    content = lite.convert(
        model=trained,
        head=head,
        inputs=inputs,
        variant=TypeAdapter(Variant).validate_python(variant),
        representative=[batch],
    )
    path = model_file(lite_model.uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    description = {
        "variant": variant,
        "bytes": len(content),
        "microseconds_per_row": round(lite.microseconds_per_row(content, batch), 1),
        "inputs": {name: {"dtype": spec.dtype.name, "shape": [None, *spec.shape[1:]]} for name, spec in inputs.items()},
        "output": head.output,
    }
    if isinstance(head, BinaryHead) and head.names is not None:
        # The file yields the probability alone.
        description["threshold"] = head.threshold
    (Path(lite_model.uri) / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def model_file(uri: str) -> Path:
    """The TF Lite file of a LiteExport artifact."""
    return Path(path_utils.serving_model_dir(uri)) / _FILE


def description(uri: str) -> dict[str, object]:
    """What LiteExport wrote about its file."""
    return json.loads((Path(uri) / DESCRIPTION).read_text())
