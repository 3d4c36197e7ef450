import json

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.gates.data.label_check import label_anomalies
from components.gates.data.label_rows import LabelRows, split_records
from components.gates.data.weight_check import weight_anomalies
from components.refusal import GateRefused
from tests.components.gates.data.validated import GOOD, LABEL, gate, write_artifacts
from trainer.labels.config import Label

pytestmark = pytest.mark.tensorflow

TIPS = Label(column="fare", above={"column": "y", "times": 2.5})
DIGITS = Label(column="y", task="multiclass", classes=3)
CODES = Label(column="y", task="multiclass", classes=(3, 5, 9))
ANIMALS = Label(column="y", task="multiclass", classes=("ant", "bee", "cow"))
NUMBER = Label(column="y", task="regression")
AMOUNT = Label(column="y", task="regression", log=True)
WORDS = Label(column="y", classes=("benign", "malignant"))
SICK = Label(column="y", positive="malignant")


@pytest.fixture
def validated(tmp_path):
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(GOOD))
    return lambda **splits: write_artifacts(tmp_path, schema, splits)


def label_texts(artifacts, label=LABEL) -> list[str]:
    splits = json.loads(artifacts["statistics"].split_names)
    labels = LabelRows(split_records(artifacts["examples"].uri), label)
    found = label_anomalies(artifacts["statistics"].uri, splits=splits, label=label, labels=labels)
    return [text for text, _ in found]


@pytest.mark.parametrize(
    ("label", "values"),
    [
        (LABEL, [0.0, 1.0, 0.0]),
        (LABEL, ["True", "False", "True"]),
        (LABEL, ["Yes", "no ", "yes"]),
        (WORDS, ["benign", "malignant", "benign"]),
        (SICK, ["benign", "malignant", "healthy"]),
        (Label(column="y", classes=(1, 2)), [1, 2, 1]),
        (Label(column="y", positive=2), [1, 2, 1]),
        (Label(column="y", above=100), [99, 101, 100]),
        (DIGITS, [0, 2, 0]),
        (DIGITS, [0.0, 2.0, 0.0]),
        (CODES, [3, 9, 3]),
        (CODES, [3.0, 9.0, 3.0]),
        (CODES, ["3", "9", "3"]),
        (ANIMALS, ["cow", "ant", "cow"]),
        (NUMBER, [-3, 7, 7]),
        (NUMBER, [0.5, -1e6, 0.0]),
        (NUMBER, [1e-9, -1e-9, 3e-10]),
        (NUMBER, [1e12, -1e14, 3e9]),
        (AMOUNT, [0.0, 3.0, 1e6]),
    ],
)
def test_a_label_that_fits_its_task_passes(validated, label, values):
    assert not label_texts(validated(train=GOOD.assign(y=values)), label)


NAME_BOTH = "write it as 0 and 1, or name both values with label.classes, or one with label.positive"
WHOLE = "the classes are the whole numbers from 0 to 2, or give label.classes their names"


@pytest.mark.parametrize(
    ("label", "values", "text"),
    [
        (
            LABEL,
            [0.0, 1.0, None],
            "is missing in 1 of 3 rows; label.missing: drop leaves such rows out (LABEL_MISSING)",
        ),
        (LABEL, [1, 2, 1], f"ranges from 1 to 2; {NAME_BOTH} (LABEL_NOT_BINARY)"),
        (LABEL, [1, 1, 1], "is 1 in every row (LABEL_CONSTANT)"),
        (LABEL, [0.0, 0.5, 1.0], f"is 0.5 in a row; {NAME_BOTH} (LABEL_NOT_BINARY)"),
        (LABEL, ["benign", "malignant", "benign"], f"is 'benign' and 1 more; {NAME_BOTH} (LABEL_NOT_BINARY)"),
        (LABEL, ["yes", "Y", "true"], "is '1' in every row, 3 in all (LABEL_CONSTANT)"),
        (WORDS, ["benign", "unclear", "malignant"], "is 'unclear'; label.classes has benign, malignant"),
        (WORDS, [0, 1, 0], "is a number, but label.classes has benign, malignant; name its numbers"),
        (
            SICK,
            ["benign", "healthy", "benign"],
            "is never 'malignant', which label.positive names; it is benign, healthy (LABEL_CONSTANT)",
        ),
        (Label(column="y", positive=2), [0, 3, 0], "is 'not 2' in every row, 3 in all (LABEL_CONSTANT)"),
        (
            Label(column="y", above=100),
            [99, 100, 7],
            "is never above what label.above names: y ranges from 7 to 100 (LABEL_CONSTANT)",
        ),
        (Label(column="y", above=6.5), [99, 100, 7], "is always above what label.above names: y ranges from 7 to 100"),
        (Label(column="y", above=6.5), ["a", "b", "a"], "is text, such as 'a'; write it as a number"),
        (DIGITS, [0, 3, 1], f"ranges from 0 to 3; {WHOLE} (LABEL_NOT_A_CLASS)"),
        (DIGITS, [-1, 0, 1], "ranges from -1 to 1; the classes are"),
        (DIGITS, [0.0, 1.5, 2.0], f"is 1.5 in a row; {WHOLE} (LABEL_NOT_A_CLASS)"),
        (DIGITS, ["b", "b", "c"], f"is text, such as 'b'; {WHOLE} (LABEL_NOT_NUMERIC)"),
        (DIGITS, [1, 1, 1], "is 1 in every row (LABEL_CONSTANT)"),
        (CODES, [3, 4, 9], "is 4 in a row; label.classes has 3, 5, 9 (LABEL_NOT_A_CLASS)"),
        (ANIMALS, ["ant", "elk", "cow"], "is 'elk'; label.classes has ant, bee, cow (LABEL_NOT_A_CLASS)"),
        (ANIMALS, ["Ant", "elk", "cow"], " and 1 more; label.classes has ant, bee, cow (LABEL_NOT_A_CLASS)"),
        (ANIMALS, ["bee", "bee", "bee"], "is 'bee' in every row (LABEL_CONSTANT)"),
        (ANIMALS, ["bee", None, "cow"], "is missing in 1 of 3 rows"),
        (NUMBER, [4.5, 4.5, 4.5], "is 4.5 in every row (LABEL_CONSTANT)"),
        (
            NUMBER,
            [2e36, -1e36, 0.0],
            "ranges from -1e+36 to 2e+36, too large to be squared: divide by 1e+36 (LABEL_SCALE)",
        ),
        (NUMBER, [2e-30, 1e-30, 0.0], "too small to be squared: divide by 1e-30 (LABEL_SCALE)"),
        (NUMBER, [4.5, None, 1.0], "is missing in 1 of 3 rows"),
        (NUMBER, [4.5, float("inf"), 1.0], "has NaN or infinite values"),
        (NUMBER, ["a", "b", "a"], "is text, such as 'a'; write it as a number (LABEL_NOT_NUMERIC)"),
        (AMOUNT, [4.5, -0.5, 1.0], "ranges from -0.5 to 4.5; label.log needs positive numbers (LABEL_NEGATIVE)"),
    ],
)
def test_a_label_that_does_not_fit_its_task_is_named(validated, label, values, text):
    [found] = label_texts(validated(eval=GOOD.assign(y=values)), label)
    assert found.startswith("eval/y: the label ")
    assert text in found


@pytest.mark.parametrize("label", [LABEL, DIGITS, ANIMALS, NUMBER, WORDS])
def test_a_label_that_is_nowhere_is_missing(validated, label):
    texts = label_texts(validated(train=GOOD.drop(columns="y")), label)
    assert texts == ["train/y: the label is missing in all 3 rows (LABEL_MISSING)"]


def test_a_comparison_that_never_or_always_holds_is_found_in_the_rows(validated):
    """Both columns range over the same numbers: their statistics alone show nothing."""
    frame = pd.DataFrame({"fare": np.arange(9000.0), "y": np.arange(9000.0) * 2 + 1})
    artifacts = validated(train=frame)
    [never] = label_texts(artifacts, TIPS)
    assert never == (
        "train/fare: the label is never above what label.above names: more than 2.5 times y, in 9,000 rows "
        "(LABEL_CONSTANT)"
    )
    [always] = label_texts(artifacts, Label(column="y", above={"column": "fare", "times": 0.5}))
    assert "is always above" in always
    assert not label_texts(artifacts, Label(column="fare", above={"column": "y", "times": 0.49}))


def test_a_label_that_cannot_be_learnt_refuses_unless_allowed(validated):
    artifacts = validated(train=GOOD.assign(y=[1, 1, 1]))
    with pytest.raises(GateRefused, match="LABEL_CONSTANT"):
        gate(artifacts)
    gate(artifacts, allow="y:LABEL_CONSTANT")


def test_a_comparison_needs_both_columns(validated):
    assert not label_texts(validated(train=GOOD), TIPS)
    [text] = label_texts(validated(eval=GOOD.assign(fare=[1.0, None, 2.0])), TIPS)
    assert "/fare: the label is missing in 1 of 3 rows" in text


def write_statistics(folder, feature: statistics_pb2.FeatureNameStatistics, *, rows: int) -> str:
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    statistics.datasets.add(num_examples=rows).features.append(feature)
    path = folder / "Split-train" / "FeatureStats.pb"
    path.parent.mkdir()
    path.write_bytes(statistics.SerializeToString())
    return str(folder)


def test_more_texts_than_the_statistics_list_are_counted(tmp_path):
    feature = statistics_pb2.FeatureNameStatistics(type=statistics_pb2.FeatureNameStatistics.STRING)
    feature.path.step.append("y")
    feature.string_stats.common_stats.tot_num_values = 9
    feature.string_stats.unique = 5
    feature.string_stats.rank_histogram.buckets.add(label="ant", sample_count=8)
    uri = write_statistics(tmp_path, feature, rows=9)
    [(text, _)] = label_anomalies(uri, splits=["train"], label=ANIMALS, labels=LabelRows(split_records(""), ANIMALS))
    assert text == "train/y: the label has 5 different values; label.classes has 3 (LABEL_NOT_A_CLASS)"


def test_a_label_whose_features_have_no_value_is_missing(tmp_path):
    feature = statistics_pb2.FeatureNameStatistics(type=statistics_pb2.FeatureNameStatistics.FLOAT)
    feature.path.step.append("fare")
    feature.num_stats.common_stats.num_non_missing = 3
    uri = write_statistics(tmp_path, feature, rows=3)
    labels = LabelRows(split_records(""), TIPS)
    texts = [text for text, _ in label_anomalies(uri, splits=["train"], label=TIPS, labels=labels)]
    assert any(text.startswith("train/fare: the label is missing in 3 of 3 rows") for text in texts)


def column_statistics(folder, rows: list[list[float]]) -> str:
    """The statistics of a column ``y``, with several values in a row or NaN, which a data frame cannot carry."""
    values = [pyarrow.array(rows, pyarrow.list_(pyarrow.float32()))]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create([pyarrow.RecordBatch.from_arrays(values, ["y"])])
            | tfdv.GenerateStatistics()
            | beam.Map(lambda found: write_statistics(folder, found.datasets[0].features[0], rows=len(rows)))
        )
    return str(folder)


def test_nan_among_the_values_is_named(tmp_path):
    uri = column_statistics(tmp_path, [[1.0], [float("nan")], [2.0]])
    [(text, names)] = label_anomalies(uri, splits=["train"], label=NUMBER, labels=LabelRows(split_records(""), NUMBER))
    assert "train/y: the label has NaN or infinite values" in text
    assert "y:LABEL_NOT_FINITE" in names
    [(text, _)] = weight_anomalies(uri, splits=["train"], column="y")
    assert "the example weight is NaN in 1 of 3 rows (33.3%); leave the cells empty to mean 1" in text


def test_a_row_has_one_label(tmp_path):
    uri = column_statistics(tmp_path, [[1.0], [0.0, 1.0]])
    [(text, _)] = label_anomalies(uri, splits=["train"], label=LABEL, labels=LabelRows(split_records(""), LABEL))
    assert text == "train/y: the label has up to 2 values in a row; a row has one label (LABEL_NOT_SINGLE)"


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([1.0, -0.5, 2.0], "train/w: the example weight is as small as -0.5; a weight is 0 or more (WEIGHT_NEGATIVE)"),
        ([0, 0, 0], "train/w: the example weight is 0 in all 3 rows, so that nothing is learnt (WEIGHT_ZERO)"),
        ([1.0, float("inf"), 2.0], "train/w: the example weight is infinite in a row; write a number"),
        (["a", "b", "a"], "train/w: the example weight is text, such as 'a'; write it as a number"),
    ],
)
def test_weights_that_mean_nothing_refuse(validated, weights, text):
    artifacts = validated(train=GOOD.assign(w=weights))
    with pytest.raises(GateRefused) as refused:
        gate(artifacts, example_weight="w", allow="w:SCHEMA_NEW_COLUMN")
    assert text in str(refused.value)


def test_weights_of_some_rows_may_be_missing_or_zero(validated):
    gate(validated(train=GOOD.assign(w=[None, 0.0, 2.0])), example_weight="w", allow="w:SCHEMA_NEW_COLUMN")


def test_weights_that_are_nowhere_refuse(validated):
    with pytest.raises(GateRefused, match="train/w: the example weight is missing in all 3 rows"):
        gate(validated(train=GOOD), example_weight="w")
