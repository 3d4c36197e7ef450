import re

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
import yaml

from components.gates.data.data_gate import INFERRED
from components.gates.findings import read_notices
from components.refusal import GateRefused
from tests.components.gates.data.validated import LABEL, gate, write_artifacts
from trainer.features.columns import Features
from trainer.labels.config import Label

pytestmark = pytest.mark.tensorflow

ROWS = 3600
SKEWED = np.random.default_rng(5).lognormal(size=ROWS).tolist()


def artifacts(folder, **columns) -> dict:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"fare": random.normal(size=ROWS), **columns})
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(frame))
    return write_artifacts(folder, schema, {"train": frame, "eval": frame.iloc[::7]})


def labels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, ROWS)


def blurred(truth: np.ndarray, by: float) -> np.ndarray:
    return truth + np.random.default_rng(2).normal(scale=by, size=len(truth))


def test_a_column_that_gives_the_label_away_is_refused_and_can_be_allowed(tmp_path):
    made = artifacts(tmp_path, y=labels(), score=blurred(labels(), 0.2))
    text = (
        r"^train/score: alone predicts the label with AUC 0\.99\d+ on held-back rows.*gates\.data\.allow: .*score:LABEL"
    )
    with pytest.raises(GateRefused, match=text):
        gate(made, features=INFERRED)
    gate(made, features=INFERRED, allow="score:LABEL_LEAKED")
    assert not read_notices(made["notices"].uri)


@pytest.mark.parametrize(
    ("by", "given"),
    [
        (0.2, {"leaks": "warn", "features": INFERRED}),
        (0.2, {"features": ""}),
        (0.35, {"features": INFERRED}),
    ],
    ids=["warn", "a function of one's own chooses the columns", "suspicious"],
)
def test_what_is_only_said(tmp_path, by, given):
    made = artifacts(tmp_path, y=labels(), score=blurred(labels(), by))
    gate(made, **given)
    [notice] = read_notices(made["notices"].uri)
    assert notice.startswith("train/score: alone predicts the label with AUC 0.9")


def test_a_column_that_no_feature_reads_is_not_looked_at(tmp_path):
    made = artifacts(tmp_path, y=labels(), score=blurred(labels(), 0.2))
    gate(made, features=Features.model_validate({"fare": "number"}).model_dump_json())
    assert not read_notices(made["notices"].uri)


def test_lists_are_no_columns_to_look_at(tmp_path):
    made = artifacts(tmp_path, y=labels(), words=[["a", "b"], ["c"], ["d"]] * (ROWS // 3))
    gate(made, features="")
    assert not read_notices(made["notices"].uri)


def test_rows_whose_labels_take_turns(tmp_path, monkeypatch):
    monkeypatch.setattr("components.reference.one_column.ROWS", 90)
    truth = np.arange(ROWS) % 2
    with pytest.raises(GateRefused, match="LABEL_LEAKED"):
        gate(artifacts(tmp_path, y=truth, score=blurred(truth, 0.01)), features=INFERRED)


def test_a_rare_class_is_looked_at_and_one_of_too_few_rows_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("components.reference.one_column.ROWS", 90)
    rare = (np.arange(ROWS) % 100 == 30).astype(int)
    with pytest.raises(GateRefused, match="LABEL_LEAKED"):
        gate(artifacts(tmp_path / "1", y=rare, score=blurred(rare, 0.01)), features=INFERRED)
    fewer = rare * (np.arange(ROWS) < 700)
    gate(made := artifacts(tmp_path / "2", y=fewer, score=blurred(fewer, 0.01)), features=INFERRED)
    [notice] = [text for text in read_notices(made["notices"].uri) if text.startswith("train/")]
    assert notice == "train/y: has too few rows of each class to look for columns that tell it (LEAKS_UNKNOWN)"


def test_an_accepted_fault_of_another_column_hides_no_leak(tmp_path):
    days = ["2024-01-31"] * (ROWS - 1) + ["soon"]
    made = artifacts(tmp_path, y=labels(), score=blurred(labels(), 0.1), day=days)
    features = Features.model_validate({"score": "number", "day": "date"}).model_dump_json()
    with pytest.raises(GateRefused, match="^train/score: alone"):
        gate(made, features=features, allow="day:DATE_UNREADABLE")


def test_a_name_with_a_comma_can_be_allowed(tmp_path):
    made = artifacts(tmp_path, y=labels(), **{"score, first": blurred(labels(), 0.1)})
    with pytest.raises(GateRefused) as refused:
        gate(made, features=INFERRED)
    [allowed] = yaml.safe_load(re.search(r"allow: (\[.*?\])", str(refused.value))[1])
    gate(made, features=INFERRED, allow=allowed)


@pytest.mark.parametrize(
    ("label", "truth", "leak"),
    [
        (Label(column="y", task="multiclass", classes=("a", "b", "c")), "abc", lambda letter: letter.upper() * 2),
        (Label(column="y", task="regression"), [1.5, 2.5, 9.0, 4.0], lambda number: number * 1609),
        (Label(column="y", task="regression"), SKEWED, np.log),
        (Label(column="y", task="regression"), SKEWED, lambda number: number if number % 0.1 < 0.085 else np.nan),
        (Label(column="y", task="multiclass", classes=300), list(range(300)), lambda place: f"c{place}"),
        (Label(column="y", task="multiclass", classes=300), list(range(300)), lambda place: 7 * place % 300),
    ],
)
def test_other_tasks(tmp_path, label, truth, leak):
    values = [truth[place % len(truth)] for place in np.random.default_rng(3).permutation(ROWS)]
    made = artifacts(tmp_path, y=values, later=list(map(leak, values)))
    with pytest.raises(GateRefused, match="^train/later: alone predicts the label"):
        gate(made, label=label, features=INFERRED)


def test_a_number_that_follows_the_label_of_a_regression_closely_is_only_said(tmp_path):
    trend = np.arange(ROWS) * 0.3
    made = artifacts(tmp_path, y=blurred(trend, 10.0), day=np.arange(ROWS))
    gate(made, label=Label(column="y", task="regression"), features=INFERRED)
    [notice] = read_notices(made["notices"].uri)
    assert notice.startswith("train/day: alone predicts the label with R² 0.99")


def test_numbers_that_say_nothing(tmp_path):
    gate(made := artifacts(tmp_path, y=labels(), other=blurred(labels(4), 0.2)), label=LABEL, features=INFERRED)
    assert not read_notices(made["notices"].uri)
