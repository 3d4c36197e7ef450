"""TF Lite from conversion to push, with a model of each task and kind: what the file says, and what is made of it."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
import tensorflow_transform as tft
from google.protobuf import json_format
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils
from tfx.components.evaluator.executor import Executor as Evaluator
from tfx.types import standard_artifacts

from components.gates.evaluation import ALL_EXAMPLES, CANDIDATE, EXAMPLE_COUNT, metrics_by_slice
from components.lite.export import LiteExport, description, model_file
from components.lite.gate import LiteGate, excessive_losses
from components.lite.pusher import LitePusher
from components.refusal import GateRefused
from pipeline.config.beam.engine import NO_SDIST
from pipeline.config.gates.metrics import METRICS
from pipeline.config.lite import LiteThreshold
from pipeline.config.loading import ConfigError
from pipeline.nodes.lite import lite_eval_config
from trainer import models
from trainer.export import lite
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY, LABEL_KEY, Ids, TransformedFeatures
from trainer.models.heads import Head, head_of
from trainer.parameters import KERAS_MODEL, Label, Model

pytestmark = pytest.mark.tensorflow

TABLE = {
    "numbers": {"numbers": 2},
    "ids": {"ids": Ids(width=2, size=64)},
}
PICTURE = {"image_0": (8, 8, 1)}
ROWS = 400
# How far the file's answers may be from Keras', at most and in the mean: in probability, or for a regression in
# standard deviations of the answers.
BOUNDS = {"float32": (1e-5, 1e-6), "float16": (2e-3, 2e-4), "dynamic_range": (0.05, 0.005), "int8": (0.2, 0.02)}


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


def artifact(kind, uri: Path):
    made = kind()
    made.uri = str(uri)
    return made


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


@pytest.fixture(
    scope="module",
    params=["binary", *(pytest.param(name, marks=pytest.mark.slow) for name in ("multiclass", "regression"))],
)
def world(request, tmp_path_factory) -> World:
    case = CASES[request.param]
    head = head_of(case.label)
    inputs = make_inputs(case.features)
    label = make_labels(request.param, inputs)
    model = train(case, head, inputs, label)
    weight = np.random.default_rng(7).uniform(0.5, 2.0, size=(ROWS, 1)).astype("float32")
    folder = tmp_path_factory.mktemp(request.param)
    write_transformed(folder, {**inputs, LABEL_KEY: label, EXAMPLE_WEIGHT_KEY: weight})
    return World(case=case, head=head, model=model, inputs=inputs, label=label, weight=weight, folder=folder)


@pytest.mark.parametrize("variant", list(BOUNDS))
def test_the_file_answers_as_the_model_for_any_batch(world, variant):
    content = world.convert(variant)
    expected = world.answers()
    scale = expected.std() if world.case.label.task == "regression" else 1.0
    assert expected.std() > 0.1
    for rows in (1, 7, ROWS):
        answers = lite.predict(content, {name: array[:rows] for name, array in world.inputs.items()})
        assert answers.shape == (rows, world.head.units)
        assert answers.dtype == np.float32
        differences = np.abs(answers - expected[:rows]) / scale
        at_most, in_the_mean = BOUNDS[variant]
        assert np.max(differences) < at_most
        assert rows < ROWS or np.mean(differences) < in_the_mean


def test_only_what_the_model_reads_is_an_input_and_the_types_stay(world):
    for variant in ("float32", "int8"):
        runner = lite.interpreter(world.convert(variant)).get_signature_runner(lite.SIGNATURE)
        inputs = {name: detail["dtype"] for name, detail in runner.get_input_details().items()}
        assert inputs == {name: array.dtype.type for name, array in world.inputs.items()}
        assert list(runner.get_output_details()) == [world.head.output]


def test_int8_computes_in_integers_alone(world):
    interpreter = lite.interpreter(world.convert("int8"))
    ends = {detail["index"] for detail in [*interpreter.get_input_details(), *interpreter.get_output_details()]}
    inner = [detail for detail in interpreter.get_tensor_details() if detail["index"] not in ends and detail["name"]]
    assert sum(detail["dtype"] == np.int8 for detail in inner) > 5
    assert [detail["name"] for detail in inner if detail["dtype"] == np.float32] == []


def test_a_quantised_file_is_smaller_and_the_same_model_gives_the_same_bytes(world):
    sizes = {}
    for variant in ("float32", "int8"):
        content = world.convert(variant)
        assert world.convert(variant) == content
        sizes[variant] = len(content)
    assert sizes["int8"] < 0.75 * sizes["float32"]


def test_int8_needs_examples(world):
    inputs = lite.input_specs(world.model, world.specs())
    with pytest.raises(ValueError, match="representative"):
        lite.convert(model=world.model, head=world.head, inputs=inputs, variant="int8")


def test_a_feature_that_is_not_there_is_named():
    model = models.build(Model(), features=TransformedFeatures(**TABLE), units=1)
    with pytest.raises(ValueError, match="'ids'"):
        lite.input_specs(model, {"numbers": tf.TensorSpec([None, 2])})


@pytest.mark.parametrize("precision", ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["wide_and_deep", "dnn"])
def test_a_model_trained_in_half_precision_is_converted_in_float32(name, precision):
    features = TransformedFeatures(**TABLE)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = models.build(Model(name=name), features=features, units=1)
    finally:
        keras.config.set_dtype_policy(before)
    inputs, head = make_inputs(features), head_of(CASES["binary"].label)
    specs = {name: tf.TensorSpec([None, *array.shape[1:]], array.dtype) for name, array in inputs.items()}
    content = lite.convert(model=model, head=head, inputs=lite.input_specs(model, specs), variant="float32")
    exact = models.build(Model(name=name), features=features, units=1)
    exact.set_weights(model.get_weights())
    expected = head.predictions(exact(inputs, training=False)).numpy()
    rough = head.predictions(model(inputs, training=False)).numpy()
    assert np.max(np.abs(lite.predict(content, inputs) - expected)) < 1e-5 < np.max(np.abs(rough - expected))


def test_the_export_describes_its_file(world):
    made = world.export("int8")
    about = description(made.uri)
    content = model_file(made.uri).read_bytes()
    assert (about["variant"], about["bytes"], about["output"]) == ("int8", len(content), world.head.output)
    assert about["inputs"] == {
        name: {"dtype": array.dtype.name, "shape": [None, *array.shape[1:]]}
        for name, array in sorted(world.inputs.items())
    }
    assert about["microseconds_per_row"] > 0
    differences = np.abs(lite.predict(content, world.inputs) - world.answers())
    assert np.mean(differences) < 0.05 * world.answers().std()


def test_without_the_keras_file_the_export_says_where_it_should_be(world, tmp_path):
    with pytest.raises(ValueError, match=KERAS_MODEL):
        LiteExport.test_call(
            model=artifact(standard_artifacts.Model, tmp_path),
            transform_graph=artifact(standard_artifacts.TransformGraph, world.folder / "transform"),
            transformed_examples=world.examples(),
            lite_model=artifact(standard_artifacts.Model, tmp_path / "lite"),
            label=world.case.label.model_dump_json(),
            variant="float32",
            num_representative=1,
            code="",
        )


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_the_evaluator_finds_what_the_file_says(world, variant):
    made = world.export(variant)
    found = metrics_by_slice(world.evaluate(made).uri, CANDIDATE)
    answers = lite.predict(model_file(made.uri).read_bytes(), world.inputs)
    right = {
        "binary": lambda: (answers > 0.5) == (world.label > 0.5),
        "multiclass": lambda: np.argmax(answers, axis=1, keepdims=True) == world.label,
        "regression": lambda: np.abs(answers - world.label),
    }[world.case.label.task]()
    assert found.keys() == {ALL_EXAMPLES}
    assert found[ALL_EXAMPLES][EXAMPLE_COUNT] == ROWS
    # TFMA's interpreter leaves out the default delegate, which rounds integers in another way.
    tolerance = {"float32": 1e-5, "int8": 0.02}[variant]
    expected = np.average(right, weights=world.weight)
    assert found[ALL_EXAMPLES][world.case.metric] == pytest.approx(expected, rel=tolerance)
    assert np.average(right) != pytest.approx(expected, rel=2 * tolerance) or variant == "int8"


def test_the_gate_passes_a_good_file_and_refuses_another_model_s(world):
    reference = world.evaluate(world.export("float32"))
    good = world.evaluate(world.export("int8"))
    untrained = models.build(world.case.network, features=world.case.features, units=world.head.units)
    bad = world.evaluate(world.export("int8", model=untrained))
    better = METRICS[world.case.label.task][world.case.metric].higher_is_better
    limit = {"metric": world.case.metric, "max_loss": 0.05, "higher_is_better": better}
    LiteGate.test_call(evaluation=good, reference=reference, variant="int8", thresholds=json.dumps([limit]))
    with pytest.raises(GateRefused) as refused:
        LiteGate.test_call(evaluation=bad, reference=reference, variant="int8", thresholds=json.dumps([limit]))
    assert refused.value.reason.startswith(f"the int8 TF Lite model: {world.case.metric} is ")
    assert "more than the allowed 0.05" in refused.value.reason


def losses(*, lite: dict, reference: dict, max_loss: float, higher_is_better: bool = True) -> list[str]:
    limit = {"metric": "m", "max_loss": max_loss, "higher_is_better": higher_is_better}
    counts = {EXAMPLE_COUNT: 10.0}
    return list(excessive_losses([limit], lite={**counts, **lite}, reference={**counts, **reference}))


def test_a_loss_is_a_fall_or_for_errors_a_rise():
    assert losses(lite={"m": 0.9}, reference={"m": 0.95}, max_loss=0.01) == [
        "m is 0.9000, 0.05 worse than the SavedModel's 0.9500, more than the allowed 0.01"
    ]
    assert not losses(lite={"m": 0.99}, reference={"m": 0.95}, max_loss=0.0)
    assert not losses(lite={"m": 0.9}, reference={"m": 0.95}, max_loss=0.0, higher_is_better=False)
    assert losses(lite={"m": 0.99}, reference={"m": 0.95}, max_loss=0.01, higher_is_better=False)


def test_a_loss_of_just_what_is_allowed_passes():
    assert not losses(lite={"m": 0.945}, reference={"m": 0.95}, max_loss=0.005)


def test_a_metric_without_a_value_refuses():
    assert losses(lite={}, reference={"m": 0.5}, max_loss=1.0)
    assert losses(lite={"m": float("nan")}, reference={"m": 0.5}, max_loss=1.0)


def test_evaluations_of_different_examples_are_not_compared():
    [reason] = losses(lite={"m": 0.5, EXAMPLE_COUNT: 9.0}, reference={"m": 0.5}, max_loss=1.0)
    assert reason == "it was evaluated on 9 examples, the SavedModel on 10"


def test_a_limit_on_a_metric_that_is_not_computed_is_refused_beforehand():
    with pytest.raises(ConfigError, match=r"lite\.thresholds\.0\.metric.*'auc', but by accuracy"):
        lite_eval_config(served(CASES["binary"]), thresholds=[LiteThreshold(metric="auc", max_loss=0.1)])


def test_all_variants_are_pushed_together_readable_by_all_and_once(world, tmp_path):
    pushed_model = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
    pushed_model.set_string_custom_property("pushed_version", "17")

    def push() -> standard_artifacts.PushedModel:
        pushed = artifact(standard_artifacts.PushedModel, tmp_path / "pushed_lite")
        LitePusher.test_call(
            float32=world.export("float32"),
            int8=world.export("int8"),
            pushed_model=pushed_model,
            pushed_lite=pushed,
            base_directory=str(tmp_path / "serving_lite"),
        )
        return pushed

    first, second = push(), push()
    folder = Path(first.get_string_custom_property("pushed_destination"))
    assert second.get_string_custom_property("pushed_destination") == str(folder)
    assert [push.get_int_custom_property("newly_pushed") for push in (first, second)] == [1, 0]
    assert sorted(path.name for path in folder.iterdir()) == ["lite.json", "model_float32.tflite", "model_int8.tflite"]
    assert stat.S_IMODE(folder.stat().st_mode) & stat.S_IROTH
    about = json.loads((folder / "lite.json").read_text())
    assert about["saved_model_version"] == "17"
    for name, file in about["files"].items():
        content = (folder / name).read_bytes()
        assert content == model_file(world.export(file["variant"]).uri).read_bytes()
        assert file["bytes"] == len(content)


@pytest.mark.slow
def test_a_process_that_never_built_the_model_can_load_it(tmp_path):
    model = models.build(Model(name="lenet"), features=CASES["multiclass"].features, units=3)
    model.save(tmp_path / "model.keras")
    code = "import sys; from trainer import models; print(models.load(sys.argv[1]).count_params())"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "model.keras"], capture_output=True, text=True)
    assert done.stdout.split() == [str(model.count_params())], done.stderr
