"""The days after the first: new rows, new values, a new column, another type, and data that have drifted."""

import csv
import random
from collections.abc import Callable

import pandas as pd
import pytest

from serving.versions import version_folders
from tests.e2e.projects.project import Outcome, Project
from tests.shared.folder_digest import digest

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

CONFIG = """\
name: days
data: {path: data/days, files: "day-{SPAN}.csv"}
label: {column: y}
trainer: {loop: {global_batch_size: 64, epochs: 5, optimizer: {learning_rate: 0.01}}}
gates: {evaluation: {thresholds: [{metric: accuracy, min: 0.6}]}}
serving: {model_name: days}
"""
SCHEMA = """\
feature { name: "x" type: FLOAT drift_comparator { jensen_shannon_divergence { threshold: 0.3 } } }
feature { name: "Home Town" type: BYTES drift_comparator { infinity_norm { threshold: 0.3 } } }
feature { name: "age" type: INT }
feature { name: "y" type: INT }
"""
TOWNS = ("Ulm", "Köln", "Bonn")


def write_day(
    project: Project, day: int, *, towns=TOWNS, shift: float = 0.0, age="", new: bool = False, name: str = ""
) -> None:
    """One day's rows; in a new column where there is one."""
    random_ = random.Random(day)
    path = project.folder / "data" / "days" / f"{name or f'day-{day}'}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["x", "Home Town", "age", *(["colour"] if new else []), "y"])
        for _ in range(900):
            x, town = random_.gauss(0, 1), random_.choice(towns)
            colour = [random_.choice(("red", "blue"))] if new else []
            y = int(x + (town == "Ulm") + random_.gauss(0, 0.3) > 0.3)
            rows.writerow([f"{x + shift:.3f}", town, age or random_.randint(18, 80), *colour, y])


def run(project: Project, *words: str) -> Outcome:
    return project.run("--config", "configs/days.yaml", *words)


def versions(project: Project) -> list[int]:
    return sorted(version_folders.find(project.folder / "runs" / "days" / "serving" / "days"))


@pytest.fixture(scope="module")
def days(tmp_path_factory) -> Project:
    """A project after its first day."""
    project = Project(tmp_path_factory.mktemp("days"))
    (project.folder / "configs" / "days.yaml").write_text(CONFIG)
    (project.folder / "schema" / "days.pbtxt").write_text(SCHEMA)
    write_day(project, 1)
    outcome = run(project, "--set", "schema=schema/days.pbtxt")
    assert outcome.code == 0, outcome.err
    assert "drift_comparator of Home Town, x has nothing to compare with" in outcome.out
    return project


def assert_refused(outcome: Outcome, reason: str) -> None:
    assert outcome.code == 3, outcome.out + outcome.err
    [line] = outcome.err.splitlines()
    assert line.startswith("DataGate refused: ")
    assert reason in line
    assert len(line) <= 350


def test_drift_from_the_served_model_s_data_refuses(days):
    before = versions(days)
    write_day(days, 2, shift=5.0, towns=TOWNS[:1])
    outcome = run(days, "--set", "schema=schema/days.pbtxt")
    assert_refused(outcome, "train/Home Town: has moved by 0.")
    assert "train/x: has moved by 0." in outcome.err
    assert versions(days) == before


def changed(project: Project, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> str:
    """A day of its own that looks like the first one but for a change, as a ``--set`` word."""
    write_day(project, 7, name=name)
    path = project.folder / "data" / "days" / f"{name}.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)
    return f"data.files={name}.csv"


def test_what_looks_healthy_but_has_moved_is_refused_without_a_schema(days):
    served = days.folder / "runs" / "days" / "serving" / "days"
    before = digest(served)

    def moved(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(x=rows.x * 1609, age=rows.age.astype("Int64").where(rows.index % 10 > 3))

    outcome = run(days, "--set", changed(days, "moved", moved))
    assert_refused(outcome, "train/age: is missing in ")
    assert outcome.err.endswith("; accept it with gates.data.drift.exceptions\n")
    assert "has moved by" in outcome.err or "more)" in outcome.err
    assert "Transform" not in outcome.nodes()
    assert digest(served) == before
    # What only warns stands below the node's line; what is accepted says until when and why.
    accepted = "gates.data.drift.exceptions=[{column: x, check: numbers, reason: in metres, until: 2999-12-31}]"
    words = ("--set", accepted, "--to", "DataGate")
    outcome = run(days, "--set", changed(days, "twice", lambda rows: pd.concat([rows.head(300)] * 9)), *words)
    assert outcome.code == 0, outcome.out + outcome.err
    assert "of the rows repeat others, but 0.0% in the data of the served model" in outcome.out
    assert "more than a factor of 2 (DRIFT_ROWS)" in outcome.out
    # The day that was refused is not what the next one is compared with.
    assert "x: nothing to accept by numbers; accepted until 2999-12-31: in metres" in outcome.out
    assert digest(served) == before


def test_a_column_of_another_type_is_one_line(days):
    before = versions(days)
    write_day(days, 3, age="unknown")
    outcome = run(days)
    assert_refused(outcome, "train/age: holds text, but integers in the data of the served model")
    assert versions(days) == before


def test_an_own_function_s_output_that_no_network_reads_is_refused_before_the_training(days):
    (days.folder / "own.py").write_text(
        "import tensorflow as tf\n\nfrom trainer import preprocessing\n\n\n"
        "def preprocessing_fn(inputs, custom_config):\n"
        "    outputs = preprocessing.preprocessing_fn(inputs, custom_config)\n"
        "    return outputs | {'decade': outputs['ids'][:, :1] // 10}\n"
    )
    outcome = run(days, "--set", "trainer.preprocessing_fn=own.preprocessing_fn", "--set", "data.files=day-1.csv")
    assert outcome.code == 3, outcome.out + outcome.err
    [line] = outcome.err.splitlines()
    assert line.startswith("Trainer refused: preprocessing_fn: 'decade' is an integer whose range is not known")


def test_new_rows_a_new_value_and_a_new_column_are_pushed(days):
    before = versions(days)
    write_day(days, 4, towns=(*TOWNS, "Trier"), new=True)
    outcome = run(days)
    assert outcome.code == 0, outcome.out + outcome.err
    assert len(versions(days)) == len(before) + 1
    # What was pushed answers about rows of the new day.
    assert "gRPC" in outcome.out
    assert "nan" not in outcome.out.lower()
