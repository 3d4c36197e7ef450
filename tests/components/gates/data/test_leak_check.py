import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.gates.data.data_gate import INFERRED
from components.gates.findings import read_notices
from components.refusal import GateRefused
from tests.components.gates.data.validated import LABEL, gate, write_artifacts
from trainer.features.columns import Features
from trainer.labels.config import Label

pytestmark = pytest.mark.tensorflow

ROWS = 900


def artifacts(folder, **columns) -> dict:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"fare": random.normal(size=ROWS), **columns})
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(frame))
    return write_artifacts(folder, schema, {"train": frame, "eval": frame.iloc[::10]})


def labels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, ROWS)


def blurred(truth: np.ndarray, by: float) -> np.ndarray:
    return truth + np.random.default_rng(2).normal(scale=by, size=len(truth))


def test_a_column_that_gives_the_label_away_is_refused_and_can_be_allowed(tmp_path):
    made = artifacts(tmp_path, y=labels(), score=blurred(labels(), 0.2))
    text = r"^train/score: alone predicts the label with AUC 0\.99\d+ on held-back rows.*gates\.data\.allow: \[score:"
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


def test_rows_in_the_order_of_the_label(tmp_path, monkeypatch):
    monkeypatch.setattr("components.gates.data.leak_check.ROWS", 100)
    truth = np.sort(labels())
    with pytest.raises(GateRefused, match="LABEL_LEAKED"):
        gate(artifacts(tmp_path, y=truth, score=blurred(truth, 0.1)), features=INFERRED)


@pytest.mark.parametrize(
    ("label", "truth", "leak"),
    [
        (Label(column="y", task="multiclass", classes=("a", "b", "c")), "abc", lambda letter: letter.upper() * 2),
        (Label(column="y", task="regression"), [1.5, 2.5, 9.0, 4.0], lambda number: number * 1609),
    ],
)
def test_other_tasks(tmp_path, label, truth, leak):
    values = [truth[place % len(truth)] for place in np.random.default_rng(3).permutation(ROWS)]
    made = artifacts(tmp_path, y=values, later=list(map(leak, values)))
    with pytest.raises(GateRefused, match="^train/later: alone predicts the label"):
        gate(made, label=label, features=INFERRED)


def test_numbers_that_say_nothing(tmp_path):
    gate(made := artifacts(tmp_path, y=labels(), other=blurred(labels(4), 0.2)), label=LABEL, features=INFERRED)
    assert not read_notices(made["notices"].uri)
