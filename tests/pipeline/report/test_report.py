"""What a run tells the person in the terminal: answers in words, the worst slice; and what the page is drawn from."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from components.gates.model.intervals import Interval
from pipeline.config.config import Config
from pipeline.report import summary
from pipeline.report.results import Results
from pipeline.report.sections.training import read_history
from pipeline.running.live import live_check
from tests.shared.models.small_model import serialize
from tests.shared.stand_ins import LABELS
from trainer.run_fn import HISTORY

pytestmark = pytest.mark.tensorflow

PNG = b"\x89PNG\r\n\x1a\n"
LIMITS = {
    "binary": {"metric": "accuracy", "min": 0.5},
    "multiclass": {"metric": "accuracy", "min": 0.5},
    "named": {"metric": "accuracy", "min": 0.5},
    "regression": {"metric": "mean_absolute_error", "max": 2.0},
}
ANSWERS = {
    "binary": ({"y": 1.0}, [0.25], {"probability": "0.250"}, "1"),
    "multiclass": ({"y": 2}, [0.25, 0.5, 0.25], {"class": "1", "probability": "0.500"}, "2"),
    "named": ({"y": "cow"}, [0.25, 0.0, 0.75], {"class": "cow", "probability": "0.750"}, "cow"),
    "regression": ({"y": 12.125}, [-0.5], {"prediction": "-0.5"}, "12.12"),
}


def config(task: str, tmp_path: Path) -> Config:
    return Config(
        name="mine",
        data={"path": tmp_path},
        label=LABELS[task],
        gates={"evaluation": {"thresholds": [LIMITS[task]], "slices": ["kind"], "min_slice_size": 10}},
        serving={"model_name": "mine"},
        runs=tmp_path / "runs",
    )


def results(task: str, tmp_path: Path) -> Results:
    if task == "regression":
        row = {"mean_absolute_error": 1.0, "root_mean_squared_error": 1.5}
    else:
        row = {"accuracy": 0.5, "auc" if task == "binary" else "cross_entropy": 0.75}
    primary = next(iter(row))
    slices = {"kind=a": (0.25, 100.0), "kind=b": (0.875, 50.0), "kind=c": (0.01, 9.0), "kind=d": (99.0, 9.0)}
    candidate = {"": {**row, "example_count": 1000.0}}
    candidate |= {name: {**row, primary: value, "example_count": count} for name, (value, count) in slices.items()}
    return Results(
        rows={"train": 2000, "eval": 1000},
        anomalies=(),
        candidate=candidate,
        baseline={"": candidate[""]},
        version=3,
        newly_pushed=True,
        model_uri=str(tmp_path),
        model_run_uri=str(tmp_path),
        examples_uri=str(tmp_path),
        left_out="1,203 of 4,203 rows by data.where",
        notices=("train/zone: 12 codes out of range",),
        model_notices=("predictions lie 0.3 from those of the served model",),
        intervals={"": {primary: Interval(row[primary], 0.4, 0.6)}},
        changes={"": {primary: Interval(0.0, -0.02, 0.02)}},
    )


@pytest.mark.parametrize("task", list(ANSWERS))
def test_an_answer_is_put_in_the_words_of_its_task(task):
    row, prediction, said, truth = ANSWERS[task]
    answer = live_check.answer(LABELS[task], row, np.array(prediction, np.float32))
    assert (answer.said, answer.truth) == (said, truth)


def test_a_label_that_is_no_class_is_shown_as_it_is():
    answer = live_check.answer(LABELS["multiclass"], {"y": 7}, np.array([1.0, 0.0, 0.0]))
    assert answer.truth == "7"


def test_a_row_keeps_pictures_and_lists():
    import tensorflow as tf

    picture = tf.train.Example.FromString(serialize({"kind": "ä", "n": 3}))
    picture.features.feature["photo"].bytes_list.value.append(PNG)
    picture.features.feature["pixels"].float_list.value.extend([0.5, 1.0])
    row = live_check.example_row(picture.SerializeToString())
    assert row == {"kind": "ä", "n": 3, "photo": PNG, "pixels": [0.5, 1.0]}
    assert [live_check.in_words(value) for value in row.values()] == ["ä", "3", "(8 bytes)", "(2 values)"]
    assert live_check.in_words("side\nst") == "side\\nst"
    assert live_check.in_words("long " * 50) == "long " * 11 + "lo..."


@pytest.mark.parametrize(("task", "worst"), [("binary", "a"), ("named", "a"), ("regression", "b")])
def test_the_summary_speaks_of_the_task_s_own_metrics(tmp_path, task, worst):
    settings, found = config(task, tmp_path), results(task, tmp_path)
    candidate = next(iter(found.candidate[""].values()))
    row, prediction, said, truth = ANSWERS[task]
    answers = [live_check.answer(LABELS[task], row | {"photo": PNG, "n": 0.125}, np.array(prediction))] * 3
    text = "\n".join(summary.lines(settings, found, answers, seconds=1.0, log_file=tmp_path / "log"))
    assert f"where kind={worst} (" in text
    assert "  left out    1,203 of 4,203 rows by data.where\n" in text
    assert "  notice      train/zone: 12 codes out of range\n" in text
    assert "  notice      predictions lie 0.3 from those of the served model\n" in text
    assert f"{candidate:.4f} (0.4000 to 0.6000)" in text
    assert f"{candidate:.4f} against {candidate:.4f} (-0.0200 to +0.0200)" in text
    words = "  ".join(f"{what} {value}" for what, value in said.items())
    assert text.count(f"{words}  truth {truth}") == 3


@pytest.mark.parametrize(
    ("task", "theirs", "words"),
    [
        ("binary", {"auc": 0.8, "accuracy": 0.6}, "the model's error is 1.25 of theirs (!)"),
        ("binary", {"auc": 0.74}, "the model's error is 0.96 of theirs"),
        ("named", {"accuracy": 0.5}, "the model's error is 1.00 of theirs"),
        ("regression", {"root_mean_squared_error": 3.0}, "the model's error is 0.50 of theirs"),
    ],
)
def test_the_summary_compares_with_boosted_trees(tmp_path, task, theirs, words):
    settings, found = config(task, tmp_path), dataclasses.replace(results(task, tmp_path), reference=theirs)
    [line] = [
        line
        for line in summary.lines(settings, found, [], seconds=1.0, log_file=tmp_path / "log")
        if line.startswith("  reference   ")
    ]
    assert line.endswith(words)


def history(monitor: str) -> list[dict]:
    return [
        {
            "step": step,
            "steps": 40,
            "epoch": 1 + step // 20,
            "loss": 1 / step,
            "metrics": {"accuracy": 0.5},
            "examples_per_second": 1000.0,
            "learning_rate": 0.1,
            "seconds_left": 1.0,
            "eval": {"loss": 0.5, monitor: 0.75} if step % 20 == 0 else None,
        }
        for step in (10, 20, 30, 40)
    ]


def test_a_history_of_a_resumed_training_is_read_in_order_and_once(tmp_path):
    first, again = history("auc"), history("auc")
    again[2]["loss"] = 7.0
    lines = [json.dumps(report) for report in (*first[:3], *again[1:])]
    lines.insert(3, lines[2][:40])
    (tmp_path / HISTORY).write_text("\n".join(lines))
    train, evaluations = read_history(tmp_path / HISTORY)
    assert list(train) == [10, 20, 30, 40]
    assert train[30]["loss"] == 7.0
    assert evaluations == {20: {"loss": 0.5, "auc": 0.75}, 40: {"loss": 0.5, "auc": 0.75}}
    assert read_history(tmp_path / "nothing") == ({}, {})
