import json

import apache_beam as beam
import pandas as pd
import pyarrow
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx.types import standard_artifacts

from components.gates.data_gate import DataGate, find_anomalies
from components.gates.label_check import label_anomalies
from components.refusal import GateRefused
from tests.components.platform_artifacts import on_a_platform
from trainer.parameters import Label

pytestmark = pytest.mark.tensorflow

GOOD = pd.DataFrame({"fare": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"], "y": [0, 1, 0]})
LABEL = Label(column="y")
TIPS = Label(column="fare", above={"column": "y", "times": 0.5})


@pytest.fixture
def schema() -> schema_pb2.Schema:
    return tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(GOOD))


@pytest.fixture
def validated(tmp_path, schema):
    """Writes what StatisticsGen and ExampleValidator leave, for one frame per split."""

    def write(**splits: pd.DataFrame) -> dict:
        anomalies, statistics = standard_artifacts.ExampleAnomalies(), standard_artifacts.ExampleStatistics()
        for artifact, name in ((anomalies, "anomalies"), (statistics, "statistics")):
            artifact.uri = str(tmp_path / name)
            artifact.split_names = json.dumps(list(splits))
        for split, frame in splits.items():
            found = tfdv.generate_statistics_from_dataframe(frame)
            for folder, file, content in (
                ("anomalies", "SchemaDiff.pb", tfdv.validate_statistics(found, schema)),
                ("statistics", "FeatureStats.pb", found),
            ):
                path = tmp_path / folder / f"Split-{split}" / file
                path.parent.mkdir(parents=True)
                path.write_bytes(content.SerializeToString())
        return {"anomalies": anomalies, "statistics": statistics}

    return write


def gate(artifacts, label=LABEL, **parameters):
    DataGate.test_call(**artifacts, **{"label": label.model_dump_json(), "fail_on": "error", "allow": "", **parameters})


def test_good_data_passes(validated):
    gate(validated(train=GOOD, eval=GOOD))


def test_a_platform_s_artifacts_are_read(validated):
    found = validated(train=GOOD, eval=GOOD.assign(y=0))
    with pytest.raises(GateRefused, match="eval/y: the label is 0 in every row"):
        gate({name: on_a_platform(artifact) for name, artifact in found.items()})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (GOOD.assign(kind=["a", "z", "b"]), "eval/kind: .*values missing from the schema: z.*ENUM_TYPE_UNEXPECTED"),
        (GOOD.assign(fare=["x", "y", "z"]), "eval/fare: Expected data of type: FLOAT but got STRING"),
        (GOOD.drop(columns="fare"), "eval/fare: Column is completely missing"),
    ],
)
def test_anomalies_in_any_split_refuse(validated, bad, reason):
    with pytest.raises(GateRefused, match=reason):
        gate(validated(train=GOOD, eval=bad))


def test_allowed_anomalies_pass_by_feature_or_by_reason(validated):
    artifact = validated(train=GOOD.assign(kind=["a", "z", "b"]))
    gate(artifact, allow="kind")
    gate(artifact, allow="fare,kind:ENUM_TYPE_UNEXPECTED_STRING_VALUES")
    with pytest.raises(GateRefused):
        gate(artifact, allow="kind:ENUM_TYPE_BYTES_NOT_STRING,fare")


def test_a_new_column_refuses(validated):
    with pytest.raises(GateRefused, match="train/extra: New column"):
        gate(validated(train=GOOD.assign(extra=[1, 2, 3])))


def test_warnings_refuse_only_when_asked_for(validated, tmp_path):
    artifact = validated(train=GOOD.assign(extra=[1, 2, 3]))
    path = tmp_path / "anomalies" / "Split-train" / "SchemaDiff.pb"
    found = anomalies_pb2.Anomalies.FromString(path.read_bytes())
    found.anomaly_info["extra"].severity = anomalies_pb2.AnomalyInfo.WARNING
    path.write_bytes(found.SerializeToString())
    gate(artifact)
    with pytest.raises(GateRefused, match="New column"):
        gate(artifact, fail_on="warning")


def test_an_empty_split_refuses(validated):
    with pytest.raises(GateRefused, match="train"):
        gate(validated(train=GOOD.iloc[:0]))


def test_a_split_without_a_result_refuses(validated, tmp_path):
    artifacts = validated(train=GOOD, eval=GOOD)
    (tmp_path / "anomalies/Split-eval/SchemaDiff.pb").unlink()
    with pytest.raises(GateRefused, match="eval: ExampleValidator wrote no result"):
        gate(artifacts)
    assert find_anomalies("/nowhere", splits=[], fail_on="error", allow=()) == ["ExampleValidator validated no split"]


def test_a_feature_named_dataset_is_looked_at(validated):
    with pytest.raises(GateRefused, match="train/dataset: New column"):
        gate(validated(train=GOOD.assign(dataset=[1, 2, 3])))


def test_an_anomaly_without_a_reason_refuses(validated, tmp_path):
    artifacts = validated(train=GOOD)
    found = anomalies_pb2.Anomalies()
    found.anomaly_info["fare"].severity = anomalies_pb2.AnomalyInfo.ERROR
    found.anomaly_info["fare"].description = "something is off"
    (tmp_path / "anomalies/Split-train/SchemaDiff.pb").write_bytes(found.SerializeToString())
    with pytest.raises(GateRefused, match="train/fare: something is off"):
        gate(artifacts)


def label_texts(artifacts, label=LABEL) -> list[str]:
    statistics = artifacts["statistics"]
    splits = json.loads(statistics.split_names)
    return [text for text, _ in label_anomalies(statistics.uri, splits=splits, label=label)]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            [0.0, 1.0, None],
            "train/y: the label is missing in 1 of 3 rows; a missing label counts as 0 (LABEL_MISSING)",
        ),
        ([1, 2, 1], "train/y: the label ranges from 1 to 2; write it as 0 and 1 (LABEL_NOT_BINARY)"),
        ([1, 1, 1], "train/y: the label is 1 in every row (LABEL_CONSTANT)"),
        (["no", "yes", "no"], "train/y: the label is not a number; write it as 0 and 1 (LABEL_NOT_NUMERIC)"),
    ],
)
def test_a_label_that_cannot_be_learnt_is_named(validated, values, text):
    assert label_texts(validated(eval=GOOD, train=GOOD.assign(y=values))) == [text]


DIGITS = Label(column="y", task="multiclass", classes=3)
ANIMALS = Label(column="y", task="multiclass", classes=("ant", "bee", "cow"))
NUMBER = Label(column="y", task="regression")


@pytest.mark.parametrize(
    ("label", "values"),
    [
        (DIGITS, [0, 2, 0]),
        (ANIMALS, ["cow", "ant", "cow"]),
        (NUMBER, [-3, 7, 7]),
        (NUMBER, [0.5, -1e6, 0.0]),
    ],
)
def test_a_label_that_fits_its_task_passes(validated, label, values):
    assert not label_texts(validated(train=GOOD.assign(y=values)), label)


@pytest.mark.parametrize(
    ("label", "values", "texts"),
    [
        (
            DIGITS,
            [0, 3, 1],
            [
                "ranges from 0 to 3; the classes are the whole numbers from 0 to 2, or give label.classes their names"
                " (LABEL_NOT_A_CLASS)"
            ],
        ),
        (DIGITS, [-1, 0, 1], ["ranges from -1 to 1; the classes are"]),
        (DIGITS, [0.0, 1.5, 2.0], ["is a fractional number; the classes are the whole numbers from 0 to 2"]),
        (DIGITS, ["0", "b", "c"], ["is not a number; the classes are the whole numbers from 0 to 2"]),
        (DIGITS, [1, 1, 1], ["is 1 in every row (LABEL_CONSTANT)"]),
        (
            ANIMALS,
            ["ant", "elk", "cow"],
            ["is 'elk'; label.classes has ant, bee, cow (LABEL_NOT_A_CLASS)"],
        ),
        (ANIMALS, ["Ant", "elk", "cow"], [" and 1 more; label.classes has ant, bee, cow (LABEL_NOT_A_CLASS)"]),
        (ANIMALS, ["bee", "bee", "bee"], ["is 'bee' in every row (LABEL_CONSTANT)"]),
        (
            ANIMALS,
            ["bee", None, "cow"],
            ["is missing in 1 of 3 rows; a missing label counts as ant (LABEL_MISSING)"],
        ),
        (ANIMALS, [0, 1, 2], ["is not text, but label.classes has names; give their number or write the names"]),
        (NUMBER, [4.5, 4.5, 4.5], ["is 4.5 in every row (LABEL_CONSTANT)"]),
        (NUMBER, [4.5, None, 1.0], ["is missing in 1 of 3 rows; a missing label counts as 0 (LABEL_MISSING)"]),
        (NUMBER, [4.5, float("inf"), 1.0], ["has NaN or infinite values"]),
        (NUMBER, ["a", "b", "c"], ["is not a number; write it as a number (LABEL_NOT_NUMERIC)"]),
    ],
)
def test_a_label_that_does_not_fit_its_task_is_named(validated, label, values, texts):
    found = label_texts(validated(eval=GOOD.assign(y=values)), label)
    assert len(found) == len(texts), found
    for text, wanted in zip(found, texts, strict=True):
        assert text.startswith("eval/y: the label ")
        assert wanted in text


@pytest.mark.parametrize("label", [LABEL, DIGITS, ANIMALS, NUMBER])
def test_a_label_that_is_nowhere_is_missing(validated, label):
    texts = label_texts(validated(train=GOOD.drop(columns="y")), label)
    assert texts == ["train/y: the label is missing in all 3 rows (LABEL_MISSING)"]


def test_more_texts_than_the_statistics_list_are_counted(tmp_path):
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    feature = statistics.datasets.add(num_examples=9).features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    feature.path.step.append("y")
    feature.string_stats.common_stats.tot_num_values = 9
    feature.string_stats.unique = 5
    feature.string_stats.rank_histogram.buckets.add(label="ant", sample_count=8)
    path = tmp_path / "Split-train" / "FeatureStats.pb"
    path.parent.mkdir()
    path.write_bytes(statistics.SerializeToString())
    [(text, _)] = label_anomalies(str(tmp_path), splits=["train"], label=ANIMALS)
    assert text == "train/y: the label has 5 different values; label.classes has 3 (LABEL_NOT_A_CLASS)"


def test_nan_among_the_values_is_named(tmp_path):
    rows = [pyarrow.array([[1.0], [float("nan")], [2.0]], pyarrow.list_(pyarrow.float32()))]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create([pyarrow.RecordBatch.from_arrays(rows, ["y"])])
            | tfdv.GenerateStatistics()
            | beam.Map(lambda found: found.SerializeToString())
            | beam.Map(lambda content: _write(tmp_path, content))
        )
    [(text, names)] = label_anomalies(str(tmp_path), splits=["train"], label=NUMBER)
    assert "train/y: the label has NaN or infinite values" in text
    assert "y:LABEL_NOT_FINITE" in names


def _write(folder, content: bytes) -> None:
    path = folder / "Split-train" / "FeatureStats.pb"
    path.parent.mkdir()
    path.write_bytes(content)


def test_a_label_that_cannot_be_learnt_refuses_unless_allowed(validated):
    artifacts = validated(train=GOOD.assign(y=[1, 1, 1]))
    with pytest.raises(GateRefused, match="LABEL_CONSTANT"):
        gate(artifacts)
    gate(artifacts, allow="y:LABEL_CONSTANT")


def test_a_label_that_is_a_comparison_may_have_any_numbers(validated):
    assert not label_texts(validated(train=GOOD), TIPS)
    [text] = label_texts(validated(other=GOOD.assign(fare=[1.0, None, 2.0])), TIPS)
    assert text.startswith("other/fare: the label is missing in 1 of 3 rows")


def test_a_label_whose_features_have_no_value_is_missing(tmp_path):
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=3)
    feature = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
    feature.path.step.append("fare")
    feature.num_stats.common_stats.num_non_missing = 3
    path = tmp_path / "Split-train" / "FeatureStats.pb"
    path.parent.mkdir()
    path.write_bytes(statistics.SerializeToString())
    texts = [text for text, _ in label_anomalies(str(tmp_path), splits=["train"], label=TIPS)]
    assert any(text.startswith("train/fare: the label is missing in 3 of 3 rows") for text in texts)
