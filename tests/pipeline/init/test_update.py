"""The second day: what new data would change in config and schema."""

import pytest

from tests.pipeline.init.tables import Project, kinds, people, write_csv


@pytest.fixture
def first_day(project) -> Project:
    project.config(write_csv(project.folder / "data" / "d.csv", people()))
    return project


def _changes(project: Project, columns, *words: str) -> dict[str, list[str]]:
    data = write_csv(project.folder / "new" / "d.csv", columns)
    outcome = project.init("--update", "--name", "mine", "--data", str(data), *words)
    assert outcome.code == 0, outcome.err
    rows = [line.split() for line in outcome.out.splitlines()]
    return {words[0]: words[1:] for words in rows[1:] if words and words[0] in {*columns, "k"}}


def test_the_same_data_change_nothing(first_day):
    outcome = first_day.init("--update", "--name", "mine")
    assert "240 rows fit configs/mine.yaml and schema/mine/schema.pbtxt; nothing would change" in outcome.out


def test_other_rows_of_the_same_kind_change_nothing(first_day):
    assert not _changes(first_day, people(rows=500, seed=3))


def test_each_difference_is_a_line_and_nothing_is_written(first_day):
    before = first_day.text, first_day.schema
    columns = people()
    columns["c"] = ["violet" if row % 10 == 0 else value for row, value in enumerate(columns["c"])]
    columns["x"] = [value * 100 for value in columns["x"]]
    del columns["k"]
    columns["town"] = [["Rom", "Bonn"][row % 2] for row in range(len(columns["x"]))]
    found = _changes(first_day, columns)
    assert found["c"][:4] == ["new", "values", "3", "values"]
    assert "violet" in found["c"]
    assert found["x"][0] == "range"
    assert found["k"][0] == "gone"
    assert found["town"][:2] == ["new", "category"]
    assert (first_day.text, first_day.schema) == before


def test_force_writes_what_was_shown_and_keeps_the_rest(first_day):
    path = first_day.folder / "configs" / "mine.yaml"
    path.write_text(
        path.read_text()
        .replace("fail_on: error", "fail_on: warning  # ours")
        .replace("x: {kind: number, bins: 8}", "x: {kind: number, bins: 9}")
    )
    columns = people()
    columns["c"] = ["violet" if row % 10 == 0 else value for row, value in enumerate(columns["c"])]
    del columns["k"]
    columns["a: b"] = [["Rom", "Bonn"][row % 2] for row in range(len(columns["x"]))]
    _changes(first_day, columns, "--force")
    write_csv(first_day.folder / "data" / "d.csv", columns)
    config = first_day.written()
    assert kinds(config) == {"x": ["number"], "c": ["category"], "a: b": ["category"]}
    assert config.features.root["x"][0].bins == 9
    assert "fail_on: warning  # ours" in first_day.text
    assert "# k: left out: the data have no such column any more" in first_day.text
    assert 'value: "violet"' in first_day.schema
    assert "nothing would change" in first_day.init("--update", "--name", "mine").out


def test_a_changed_type_changes_the_kind(first_day):
    columns = people()
    columns["k"] = [f"grade {value}" for value in columns["k"]]
    assert _changes(first_day, columns)["k"] == ["type", "INT", "BYTES"]
    _changes(first_day, columns, "--force")
    write_csv(first_day.folder / "data" / "d.csv", columns)
    assert kinds(first_day.written())["k"] == ["category"]


def test_more_missing_values_are_a_difference(first_day):
    columns = people()
    columns["x"] = [None if row % 3 == 0 else value for row, value in enumerate(columns["x"])]
    assert _changes(first_day, columns)["x"] == ["missing", "at", "most", "0.0%", "33.3%"]


def test_a_new_class_is_said(project):
    columns = people()
    columns["y"] = [["a", "b"][value] for value in columns["y"]]
    project.config(write_csv(project.folder / "data" / "d.csv", columns))
    columns["y"][:5] = ["z"] * 5
    assert "classes" in _changes(project, columns)["y"]


def test_update_needs_a_config(project):
    assert "--name: is needed with --update" in project.init("--update").refusal()
    assert "configs/none.yaml: cannot be read" in project.init("--update", "--name", "none").refusal()


def test_a_column_that_is_gone_is_no_slice_any_more(first_day):
    columns = people()
    assert "slices: [" in first_day.text
    del columns["c"], columns["k"]
    _changes(first_day, columns, "--force")
    write_csv(first_day.folder / "data" / "d.csv", columns)
    assert first_day.written().gates.evaluation.slice_columns() == ()


def test_what_else_needs_a_column_that_is_gone_is_for_a_person(first_day):
    path = first_day.folder / "configs" / "mine.yaml"
    path.write_text(path.read_text().replace("{train: 2, eval: 1}", "{by: column, column: k, train: 2, eval: 1}"))
    columns = people()
    del columns["k"]
    data = str(write_csv(first_day.folder / "new" / "d.csv", columns))
    line = first_day.init("--update", "--name", "mine", "--data", data, "--force").refusal()
    assert "data.splits (by column): the data have no column 'k' any more; change this key first" in line


@pytest.mark.parametrize(
    ("labels", "part"),
    [
        pytest.param(lambda row: row % 3, "2: change label.task or label.classes by hand", id="third class"),
        pytest.param(lambda row: 0, "0 alone, of which nothing can be learnt", id="one class"),
        pytest.param(lambda row: "" if row % 9 == 0 else row % 2, "label.missing: drop leaves them out", id="missing"),
    ],
)
def test_labels_that_a_run_would_refuse_are_said(first_day, labels, part):
    columns = people() | {"y": list(map(labels, range(240)))}
    data = str(write_csv(first_day.folder / "new" / "d.csv", columns))
    assert part in first_day.init("--update", "--name", "mine", "--data", data).out


def test_how_new_files_are_written_is_a_difference(first_day):
    columns = people() | {"x": [f"{row / 7:.2f}".replace(".", ",") if row % 9 else "?" for row in range(240)]}
    data = str(write_csv(first_day.folder / "new" / "d.csv", columns))
    out = " ".join(first_day.init("--update", "--name", "mine", "--data", data).out.split())
    assert "data.csv.missing option [] ['?']: set it by hand" in out
    assert "data.csv.decimal option . ,: set it by hand" in out


def test_dates_of_another_format_are_a_difference(project):
    dates = [f"{1 + row % 28:02}.{1 + row % 12:02}.2024" for row in range(240)]
    project.config(write_csv(project.folder / "data" / "d.csv", people() | {"d": dates}))
    assert not _changes(project, people() | {"d": dates[:20] * 12})
    found = _changes(project, people() | {"d": [f"2024-01-{1 + row % 28:02}" for row in range(240)]})
    assert found["d"][:3] == ["dates", "%d.%m.%Y", "2024-01-01"]


def test_a_range_that_was_widened_is_none_the_next_time(first_day):
    columns = people()
    columns["x"] = [value * 1000.1 for value in columns["x"]]
    assert _changes(first_day, columns, "--force")["x"][0] == "range"
    assert not _changes(first_day, columns)
