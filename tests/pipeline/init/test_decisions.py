"""The label's task, the kinds of the columns, and what is left out and why."""

import datetime
import subprocess
import sys
import uuid

import numpy as np
import pytest
import yaml

from components.example_gen.rows.options import ByTime
from tests.pipeline.init.tables import ROWS, kinds, people, write_csv

RANDOM = np.random.default_rng(7)


def _labelled(make, **more):
    columns = people()
    return {**{name: columns[name] for name in "xkc"}, **more, "y": [make(value) for value in columns["y"]]}


@pytest.mark.parametrize(
    ("make", "task", "classes"),
    [
        (lambda y: y, "binary", None),
        (lambda y: bool(y), "binary", None),
        (lambda y: ["no", "Yes"][y], "binary", None),
        (lambda y: ["f", "t"][y], "binary", None),
        (lambda y: 2 * y - 1, "binary", (-1, 1)),
        (lambda y: float(y), "binary", None),
        (lambda y: ["benign: yes", 'it\'s "ü" # 1'][y], "binary", {"benign: yes", 'it\'s "ü" # 1'}),
        (lambda y: y + RANDOM.integers(0, 3), "multiclass", 4),
        (lambda y: 3 + y + RANDOM.integers(0, 3), "multiclass", (3, 4, 5, 6)),
        (lambda y: f"{y + RANDOM.integers(0, 2)}", "multiclass", 3),
        (lambda y: ["null", "~", "1e3"][y + RANDOM.integers(0, 2)], "multiclass", ("1e3", "null", "~")),
        (lambda y: y + RANDOM.normal(), "regression", None),
        (lambda y: y * 20 + RANDOM.integers(0, 40), "regression", None),
    ],
)
def test_the_task_follows_from_the_labels(project, make, task, classes):
    label = project.config(write_csv(project.folder / "d.csv", _labelled(make))).label
    assert label.task == task
    assert (set(label.classes) if isinstance(classes, set) else label.classes) == classes


def test_the_rarer_class_is_the_positive_one(project):
    columns = _labelled(lambda y: "sick" if y and RANDOM.random() < 0.3 else "well")
    label = project.config(write_csv(project.folder / "d.csv", columns)).label
    assert label.values == ("well", "sick")
    assert "probability is that of 'sick', the rarer one" in project.text


@pytest.mark.parametrize(("values", "found"), [(12, ["category"]), (70, ["number", "category"])])
def test_whole_numbers_called_codes_are_numbers_too_where_each_has_few_rows(project, values, found):
    areas = [440 + row * 31 % values for row in range(ROWS)]
    config = project.config(write_csv(project.folder / "d.csv", _labelled(lambda y: y, garage_area=areas)))
    assert kinds(config)["garage_area"] == found


def test_the_task_can_be_given(project):
    data = write_csv(project.folder / "d.csv", _labelled(lambda y: y + RANDOM.integers(0, 3)))
    assert project.config(data, "--task", "regression").label.task == "regression"
    assert "has 4 different values; a binary label has two" in (
        project.init("--data", str(data), "--label", "y", "--task", "binary", "--force").refusal()
    )


def test_amounts_are_learnt_in_logarithms(project):
    data = write_csv(project.folder / "d.csv", _labelled(lambda y: 1000 * np.exp(y + 1.5 * RANDOM.normal())))
    assert project.config(data).label.log


def test_rows_without_a_label_are_left_out(project):
    data = write_csv(project.folder / "d.csv", _labelled(lambda y: None if RANDOM.random() < 0.1 else y))
    assert project.config(data).label.missing == "drop"


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("key", lambda row: str(uuid.UUID(int=row * 2**90)), "an identifier"),
        ("number", lambda row: 1000 + row, "an identifier"),
        ("customer_id", lambda row: 1000 * (row % 99) + 7, "an identifier, each value has 2.4 rows"),
        ("same", lambda row: "EUR", "constant, 'EUR' in every row"),
        ("empty", lambda row: None, "no row has a value"),
        ("sparse", lambda row: 3 if row == 8 else None, "a value in only 1 of 240 rows"),
        ("ticket", lambda row: f"A{row * 7919 % 1009}", "an identifier"),
        (
            "day",
            lambda row: f"{1 + row % 12}/{1 + row // 12 % 12}/{2001 + row // 144}",
            "the format %d/%m/%Y or %m/%d/%Y",
        ),
    ],
)
def test_columns_without_information_are_left_out_with_the_reason(project, name, make, reason):
    columns = people() | {name: list(map(make, range(ROWS)))}
    assert set(kinds(project.config(write_csv(project.folder / "d.csv", columns)))) == {"x", "k", "c"}
    [line] = [line for line in project.text.splitlines() if line.startswith(f"  # {name}: left out: ")]
    assert reason in line


def test_a_flag_that_is_there_or_not_is_no_constant(project):
    columns = people() | {"vip": ["yes" if row % 3 else None for row in range(ROWS)]}
    assert kinds(project.config(write_csv(project.folder / "d.csv", columns)))["vip"] == ["category"]


def test_repeated_columns_are_left_out(project):
    columns = people()
    columns = {**columns, "x again": columns["x"], "outcome": columns["y"]}
    assert set(kinds(project.config(write_csv(project.folder / "d.csv", columns)))) == {"x", "k", "c"}
    assert "left out: the same as 'x' in every row" in project.text
    assert "left out: the label again, in every row" in project.text


@pytest.mark.parametrize(
    ("label", "leak"),
    [
        (lambda y, row: y, lambda y, row: "late" if y else "never"),
        (lambda y, row: y, lambda y, row: y * 10 + row % 7),
        (lambda y, row: y, lambda y, row: f"2024-0{1 + row % 9}-11" if y else None),
        (lambda y, row: "abcd"[2 * y + row % 2], lambda y, row: f"code {2 * y + row % 2}"),
        (lambda y, row: 10 * y + row % 83, lambda y, row: round(3.6 * (10 * y + row % 83) + 0.01 * (row % 3), 2)),
    ],
    ids=["words", "range", "missing date", "classes", "another unit"],
)
def test_columns_that_give_the_label_away_are_left_out(project, label, leak):
    columns = people()
    truth = columns["y"]
    columns["later"] = [leak(y, row) for row, y in enumerate(truth)]
    columns["y"] = [label(y, row) for row, y in enumerate(truth)]
    config = project.config(write_csv(project.folder / "d.csv", columns))
    assert "later" not in kinds(config)
    assert "later: left out: gives the label away: alone it reaches" in project.text


@pytest.mark.parametrize("wrong", ["not yet", "31.1.2024", "2024-02-31"])
def test_dates_some_of_which_are_none_are_left_out_with_advice(project, wrong):
    days = [wrong if row == 200 else f"2024-01-{1 + row % 31:02} 12:{row % 60:02}" for row in range(ROWS)]
    config = project.config(write_csv(project.folder / "d.csv", people() | {"paid": days}))
    assert "paid" not in kinds(config)
    assert f"paid: left out: some values are not dates, such as '{wrong}'" in project.text


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (lambda day: f"{day:%d.%m.%Y}", "%d.%m.%Y"),
        (lambda day: f"{day.month}/{day.day}/{day:%Y %I:%M %p}", "%m/%d/%Y %I:%M %p"),
        (lambda day: f"{day:%d %B %Y}", "%d %b %Y"),
        (lambda day: int(f"{day:%Y%m%d}"), "%Y%m%d"),
    ],
)
def test_the_format_of_dates_is_found(project, make, given):
    days = [datetime.datetime(2023, 1, 1) + 3 * row * datetime.timedelta(days=1, minutes=7) for row in range(ROWS)]
    config = project.config(write_csv(project.folder / "d.csv", people() | {"paid": list(map(make, days))}))
    [paid] = config.features.root["paid"]
    assert (paid.kind, paid.format) == ("date", given)
    [suggested] = [line.strip("# ") for line in project.text.splitlines() if "by: time" in line]
    assert ByTime.model_validate(yaml.safe_load(suggested)["splits"]).format == given


def test_a_format_that_some_values_do_not_have_is_left_out_with_advice(project):
    days = ["soon" if row == 200 else f"{1 + row % 28}.{1 + row % 12}.2024" for row in range(ROWS)]
    project.config(write_csv(project.folder / "d.csv", people() | {"paid": days}))
    reason = "some values are not dates of the format %d.%m.%Y, such as 'soon': correct them, or leave them empty"
    assert f"paid: left out: {reason}" in project.text


def test_a_date_may_decide_by_its_hour(project):
    columns = people()
    hours = RANDOM.integers(0, 24, ROWS)
    days = RANDOM.integers(1, 29, ROWS)
    columns["when"] = [f"2024-03-{day:02} {hour:02}:30:00" for day, hour in zip(days, hours, strict=True)]
    columns["y"] = (hours > 12).astype(int).tolist()
    assert kinds(project.config(write_csv(project.folder / "d.csv", columns)))["when"] == ["date"]


def test_weights_groups_and_times_are_suggested_not_decided(project):
    columns = people() | {
        "weight": [1 + row % 3 for row in range(ROWS)],
        "customer_id": [f"c{row * 31 % 97}" for row in range(ROWS)],
        "paid": [f"2024-01-{1 + row * 5 % 28:02}" for row in range(ROWS)],
    }
    config = project.config(write_csv(project.folder / "d.csv", columns))
    assert (config.example_weight, config.data.splits.by) == (None, "row")
    assert "# example_weight: weight" in project.text
    assert "# splits: {by: column, column: customer_id, train: 2, eval: 1}" in project.text
    assert "# splits: {by: time, column: paid, eval: 0.3}" in project.text


def test_free_text_is_text_and_epochs_are_dates(project):
    words = RANDOM.choice(["good", "bad", "slow", "fast", "dear", "cheap", "kind", "late", "warm"], (ROWS, 7))
    columns = people() | {
        "comment": [" ".join(row) for row in words],
        "created_at": RANDOM.integers(1_600_000_000, 1_700_000_000, ROWS).tolist(),
    }
    found = kinds(project.config(write_csv(project.folder / "d.csv", columns)))
    assert (found["comment"], found["created_at"]) == (["text"], ["date"])


def test_many_values_are_hashed_and_rare_ones_share_an_id(project):
    rows = 60_000
    columns = people(rows) | {
        "shop": [f"s{number}" for number in RANDOM.integers(0, 30_000, rows)],
        "town": [f"t{min(number, 900)}" for number in RANDOM.zipf(1.5, rows)],
    }
    config = project.config(write_csv(project.folder / "d.csv", columns))
    assert config.features.root["shop"][0].hash == 20_000
    assert config.features.root["town"][0].min_count == 30
    slices = config.gates.evaluation.slices
    assert 1 <= len(slices) <= 3
    assert not {"shop", "town"} & set(slices)
    assert "no slices by shop: over 20,000 values" in project.text


def test_a_useless_model_is_refused_and_a_usable_one_passes(project):
    limits = {
        limit.metric: limit
        for limit in project.config(write_csv(project.folder / "d.csv", people(2000))).gates.evaluation.thresholds
    }
    assert 0.6 < limits["auc"].min < 0.8
    assert limits["auc"].max_drop > 0


def test_labels_that_nothing_tells_are_said(project):
    columns = people(600) | {"y": RANDOM.integers(0, 2, 600).tolist()}
    outcome = project.init("--data", str(write_csv(project.folder / "d.csv", columns)), "--label", "y")
    assert "! no column was found that tells the label" in outcome.out


def test_tensorflow_is_not_imported(tmp_path):
    write_csv(tmp_path / "d.csv", people())
    code = (
        "import sys; from pipeline import cli; code = cli.main(['init', '--data', 'd.csv', '--label', 'y']);"
        "assert code == 0; assert not {'tensorflow', 'apache_beam', 'tfx'} & set(sys.modules)"
    )
    root = __file__.rpartition("/tests/")[0]
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": root}, check=True, capture_output=True
    )
