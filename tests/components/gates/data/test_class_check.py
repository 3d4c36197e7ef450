import json

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.gates.data.class_check import unseen_classes
from components.gates.data.label_rows import LabelRows, split_records
from components.refusal import GateRefused
from tests.components.gates.data.validated import gate, write_artifacts
from trainer.labels.config import Label

pytestmark = pytest.mark.tensorflow

ANIMALS = Label(column="y", task="multiclass", classes=("ant", "bee", "cow"))
DIGITS = Label(column="y", task="multiclass", classes=3)


def artifacts(folder, train: list, evaluation: list) -> dict:
    frames = {
        split: pd.DataFrame({"fare": [1.0] * len(labels), "kind": ["a"] * len(labels), "y": labels})
        for split, labels in (("train", train), ("eval", evaluation))
    }
    both = pd.concat(frames.values(), ignore_index=True)
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(both))
    return write_artifacts(folder, schema, frames)


@pytest.mark.parametrize(
    ("label", "train", "evaluation", "name"),
    [(ANIMALS, ["ant", "bee"], ["cow", "ant"], "'cow'"), (DIGITS, [0, 2], [1, 0], "'1'")],
)
def test_a_class_that_only_the_eval_split_has_is_refused(tmp_path, label, train, evaluation, name):
    made = artifacts(tmp_path, train, evaluation)
    text = rf"eval/y: the label is {name} in 1 rows \(50.0%\), a class of which train has no row \(LABEL_CLASS_UNSEEN\)"
    with pytest.raises(GateRefused, match=text):
        gate(made, label=label)
    gate(made, label=label, allow="y:LABEL_CLASS_UNSEEN")
    gate(artifacts(tmp_path / "other", evaluation + train, train), label=label)


def test_a_rare_one_is_only_said(tmp_path):
    made = artifacts(tmp_path, ["ant", "bee"], ["ant"] * 149 + ["cow"])
    labels = LabelRows(split_records(made["examples"].uri), ANIMALS)
    splits = json.loads(made["statistics"].split_names)
    [found] = unseen_classes(made["statistics"].uri, splits=splits, label=ANIMALS, labels=labels)
    assert not found.refuses
    assert "in 1 rows (0.7%)" in found.text
