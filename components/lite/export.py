"""LiteExport: the trained model as a TF Lite file, in a standard Model artifact that the Evaluator can read."""

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
from trainer.models.heads import head_of
from trainer.parameters import Label
from trainer.run_fn import KERAS_MODEL

# Beside the model's folder: variant, size, time per row, inputs and output.
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
        model: from the Trainer; holds the Keras file.
        transform_graph: from Transform; says what the transformed features look like.
        transformed_examples: from Transform; the ``train`` split shows the range of each value to ``int8``.
        lite_model: the TF Lite file and its description.
        label: a `trainer.parameters.Label` as JSON; its task decides what the file yields.
        variant: see `trainer.export.lite.convert`.
        num_representative: how many examples ``int8`` looks at.
        code: a digest of the sources that decide; it is there for the cache key alone.

    Raises:
        ValueError: the Keras file is not there, or there are no examples.
    """
    keras_file = f"{model.uri}/{KERAS_MODEL}"
    if not tf.io.gfile.exists(keras_file):
        raise ValueError(
            f"{keras_file} is missing: the trainer's run_fn has to save the Keras model there for TF Lite."
        )
    [folder] = artifact_utils.get_split_uris([transformed_examples], "train")
    records = read_records(folder, limit=num_representative)
    if not records:
        raise ValueError(f"there are no transformed examples in {folder} to convert with.")
    feature_spec = model_inputs(tft.TFTransformOutput(transform_graph.uri).transformed_feature_spec())
    batch = {name: tensor.numpy() for name, tensor in tf.io.parse_example(records, feature_spec).items()}

    trained = models.load(keras_file)
    specs = {name: tf.TensorSpec([None, *array.shape[1:]], array.dtype) for name, array in batch.items()}
    inputs = lite.input_specs(trained, specs)
    batch = {name: batch[name] for name in inputs}
    head = head_of(Label.model_validate_json(label))
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
    (Path(lite_model.uri) / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def model_file(uri: str) -> Path:
    """The TF Lite file of a LiteExport artifact."""
    return Path(path_utils.serving_model_dir(uri)) / _FILE


def description(uri: str) -> dict[str, object]:
    """What LiteExport wrote about its file."""
    return json.loads((Path(uri) / DESCRIPTION).read_text())
