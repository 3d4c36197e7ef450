"""A trained model of each task, its artifacts, and what TF Lite makes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
import tensorflow_transform as tft
from google.protobuf import json_format
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils
from tfx.components.evaluator.executor import Executor as Evaluator
from tfx.types import standard_artifacts

from components.lite.export import LiteExport
from pipeline.config.beam.engine import NO_SDIST
from pipeline.config.lite import LiteThreshold
from pipeline.nodes.lite import lite_eval_config
from tests.shared.stand_ins import artifact
from trainer import models
from trainer.export import lite
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY, LABEL_KEY, Ids, TransformedFeatures
from trainer.models.heads import Head, head_of
from trainer.parameters import KERAS_MODEL, Label, Model

TABLE = {"numbers": {"numbers": 2}, "ids": {"ids": Ids(width=2, size=64)}}
PICTURE = {"image_0": (8, 8, 1)}
ROWS = 400


@dataclass(frozen=True, kw_only=True)
class Case:
    """A task, a network, and the metric by which it is judged."""

    label: Label
    network: Model
    features: TransformedFeatures
    metric: str
    tfma_class: str


CASES = {
    "binary": Case(
        label=Label(column="y"),
        network=Model(name="wide_and_deep"),
        features=TransformedFeatures(**TABLE),
        metric="accuracy",
        tfma_class="BinaryAccuracy",
    ),
    "multiclass": Case(
        label=Label(column="y", task="multiclass", classes=3),
        network=Model(name="lenet"),
        features=TransformedFeatures(images=PICTURE),
        metric="accuracy",
        tfma_class="SparseCategoricalAccuracy",
    ),
    "regression": Case(
        label=Label(column="y", task="regression"),
        network=Model(name="dnn"),
        features=TransformedFeatures(**TABLE, images=PICTURE),
        metric="mean_absolute_error",
        tfma_class="MeanAbsoluteError",
    ),
}


def make_inputs(features: TransformedFeatures, rows: int = ROWS) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(3)
    inputs = {name: generator.normal(size=(rows, width)).astype("float32") for name, width in features.numbers.items()}
    for name, ids in {**features.ids, **features.bags}.items():
        inputs[name] = generator.integers(0, ids.size, (rows, ids.width))
    for name, shape in features.images.items():
        # Shades that differ from row to row; noise would be pooled away.
        down, across = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
        slopes = generator.normal(size=(2, rows, 1, 1))
        inputs[name] = (0.5 + 0.2 * (slopes[0] * down + slopes[1] * across))[..., None].astype("float32")
    return inputs


def make_labels(task: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Labels that follow from the inputs, with noise."""
    generator = np.random.default_rng(5)
    signal, other = np.zeros((ROWS, 1)), np.zeros((ROWS, 1))
    for name, array in inputs.items():
        if name in PICTURE:
            signal += 10 * (array[:, -1:].mean(axis=(1, 2)) - array[:, :1].mean(axis=(1, 2)))
            other += 10 * (array[:, :, -1:].mean(axis=(1, 2)) - array[:, :, :1].mean(axis=(1, 2)))
        else:
            signal += (array if array.dtype == np.float32 else array % 3 - 1).sum(axis=1, keepdims=True)
    if task == "binary":
        return (signal + generator.logistic(size=signal.shape, scale=0.5) > 0).astype("float32")
    if task == "multiclass":
        scores = np.concatenate([signal, other, np.zeros_like(signal)], axis=1)
        return np.argmax(scores + generator.gumbel(size=scores.shape), axis=1, keepdims=True)
    return (signal + generator.normal(size=signal.shape, scale=0.3)).astype("float32")


def train(case: Case, head: Head, inputs: dict[str, np.ndarray], label: np.ndarray) -> keras.Model:
    """The network after some steps on all rows."""
    keras.utils.set_random_seed(0)
    model = models.build(case.network, features=case.features, units=head.units)
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(head.losses(tf.constant(label), model(inputs, training=True)))
        optimizer.apply(tape.gradient(loss, model.trainable_variables))

    for _ in range(40):
        step()
    return model


@dataclass(frozen=True, kw_only=True)
class World:
    """A trained model, and artifacts as Trainer and Transform leave them."""

    case: Case
    head: Head
    model: keras.Model
    inputs: dict[str, np.ndarray]
    label: np.ndarray
    weight: np.ndarray
    folder: Path
    files: dict[str, bytes] = field(default_factory=dict)
    exports: dict[str, standard_artifacts.Model] = field(default_factory=dict)
    evaluations: dict[str, standard_artifacts.ModelEvaluation] = field(default_factory=dict)

    def specs(self) -> dict[str, tf.TensorSpec]:
        columns = {**self.inputs, LABEL_KEY: self.label, EXAMPLE_WEIGHT_KEY: self.weight}
        return {name: tf.TensorSpec([None, *array.shape[1:]], array.dtype) for name, array in columns.items()}

    def answers(self, rows: int = ROWS) -> np.ndarray:
        features = {name: array[:rows] for name, array in self.inputs.items()}
        return self.head.predictions(self.model(features, training=False)).numpy()

    def convert(self, variant: str) -> bytes:
        return lite.convert(
            model=self.model,
            head=self.head,
            inputs=lite.input_specs(self.model, self.specs()),
            variant=variant,
            representative=[
                {name: array[rows] for name, array in self.inputs.items()} for rows in (slice(300), slice(300, None))
            ],
        )

    def file(self, variant: str) -> bytes:
        """The variant, converted once."""
        if variant not in self.files:
            self.files[variant] = self.convert(variant)
        return self.files[variant]

    def export(self, variant: str, *, model: keras.Model | None = None) -> standard_artifacts.Model:
        """The artifact that LiteExport makes of the world's model, or of another one."""
        if model is None and variant in self.exports:
            return self.exports[variant]
        name = f"{variant}-{len(list(self.folder.iterdir()))}"
        trained, made = artifact(standard_artifacts.Model, self.folder / f"trained-{name}"), None
        Path(trained.uri, KERAS_MODEL).parent.mkdir(parents=True)
        (model or self.model).save(Path(trained.uri, KERAS_MODEL))
        made = artifact(standard_artifacts.Model, self.folder / f"lite-{name}")
        LiteExport.test_call(
            model=trained,
            transform_graph=artifact(standard_artifacts.TransformGraph, self.folder / "transform"),
            transformed_examples=self.examples(),
            lite_model=made,
            label=self.case.label.model_dump_json(),
            variant=variant,
            num_representative=200,
            code="",
        )
        if model is None:
            self.exports[variant] = made
        return made

    def examples(self) -> standard_artifacts.Examples:
        examples = artifact(standard_artifacts.Examples, self.folder / "examples")
        examples.split_names = '["train", "eval"]'
        return examples

    def evaluate(self, model: standard_artifacts.Model) -> standard_artifacts.ModelEvaluation:
        """What TFX's Evaluator finds over the eval split."""
        name = Path(model.uri).name
        if name in self.evaluations:
            return self.evaluations[name]
        evaluation = artifact(standard_artifacts.ModelEvaluation, self.folder / f"evaluation-{name}")
        blessing = artifact(standard_artifacts.ModelBlessing, self.folder / f"blessing-{name}")
        config = lite_eval_config(served(self.case), thresholds=[LiteThreshold(metric=self.case.metric, max_loss=0.1)])
        context = Evaluator.Context(
            beam_pipeline_args=["--runner=FnApiRunner", NO_SDIST], tmp_dir=str(self.folder / "tmp"), unique_id=name
        )
        Evaluator(context).Do(
            {"examples": [self.examples()], "model": [model]},
            {"evaluation": [evaluation], "blessing": [blessing]},
            {"eval_config": json_format.MessageToJson(config), "example_splits": "null"},
        )
        self.evaluations[name] = evaluation
        return evaluation


def served(case: Case) -> tfma.EvalConfig:
    """How a SavedModel of the task is evaluated: with slices, limits and weights."""
    metric = tfma.MetricConfig(class_name=case.tfma_class, config=json.dumps({"name": case.metric}))
    metric.threshold.value_threshold.lower_bound.value = 0.5
    count = tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name="ExampleCount")])
    count.example_weights.unweighted = True
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                model_type=tfma.TF_GENERIC,
                signature_name="serving_default",
                prediction_key=head_of(case.label).output,
                label_key=LABEL_KEY,
                example_weight_key=EXAMPLE_WEIGHT_KEY,
                preprocessing_function_names=["transform_features"],
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["raw"])],
        metrics_specs=[count, tfma.MetricsSpec(metrics=[metric])],
    )


def write_transformed(folder: Path, columns: dict[str, np.ndarray]) -> None:
    """What Transform leaves: the schema of its output, and the transformed examples of two splits."""
    spec = {name: tf.io.FixedLenFeature(array.shape[1:], array.dtype) for name, array in columns.items()}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    metadata_io.write_metadata(metadata, str(folder / "transform" / tft.TFTransformOutput.TRANSFORMED_METADATA_DIR))
    for split in ("train", "eval"):
        path = folder / "examples" / f"Split-{split}" / "transformed_examples-00000-of-00001.gz"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for row in range(ROWS):
                example = tf.train.Example()
                for name, array in columns.items():
                    values = array[row].ravel().tolist()
                    feature = example.features.feature[name]
                    (feature.int64_list if array.dtype == np.int64 else feature.float_list).value.extend(values)
                writer.write(example.SerializeToString())


def make(case: Case, folder: Path) -> World:
    head = head_of(case.label)
    inputs = make_inputs(case.features)
    label = make_labels(case.label.task, inputs)
    model = train(case, head, inputs, label)
    weight = np.random.default_rng(7).uniform(0.5, 2.0, size=(ROWS, 1)).astype("float32")
    write_transformed(folder, {**inputs, LABEL_KEY: label, EXAMPLE_WEIGHT_KEY: weight})
    return World(case=case, head=head, model=model, inputs=inputs, label=label, weight=weight, folder=folder)
