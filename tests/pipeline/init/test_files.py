"""The files that init writes: they are read back as they were meant, and nothing is overwritten unasked."""

from pathlib import Path

import pytest
import yaml

from pipeline.checks.columns import schema_features
from pipeline.init.writing.config_text import flow
from tests.pipeline.init.tables import ROWS, kinds, people, write_csv

NAMES = [
    "Passenger Count",
    "a: b",
    "# number",
    "it's",
    'the "best"',
    "Größe (cm)",
    "yes",
    "null",
    "1e3",
    "2024-01-31",
    "- item",
    "{brace}",
    "[list]",
    "a, b",
    "&anchor",
    "*star",
    "!tag",
    "%percent",
    "@at",
    "`tick`",
    " blank ",
    "?",
    "|",
    "=",
    "<<",
    "漢字",
    "😀",
    "back\\slash",
    "x" * 300,
]


@pytest.mark.parametrize("value", [*NAMES, "line\nend", "\x85", "\ufeff", "~", "", 7, 0.5, True, {"a b": ["x: y", 1]}])
def test_values_survive_yaml_on_one_line(value):
    assert "\n" not in flow(value)
    assert yaml.safe_load(f"{flow('key: #')}: {flow(value)}  # comment") == {"key: #": value}
    assert yaml.safe_load(f"[{flow(value)}, 1]") == [value, 1]


def test_names_and_values_of_any_characters_survive(project):
    columns = people()
    values = columns.pop("c")
    for place, name in enumerate(NAMES):
        columns[name] = [f"{NAMES[(place + len(value)) % len(NAMES)]}" for value in values]
        columns[name] = [value if row % 97 != place else NAMES[place] for row, value in enumerate(columns[name])]
    config = project.config(write_csv(project.folder / "ü & more.csv", columns))
    assert set(kinds(config)) == {"x", "k", *NAMES}
    assert set(schema_features(config.schema_path)) == {"x", "k", "y", *NAMES}


def test_a_label_of_strange_names(project):
    columns = people()
    columns["is it: #1?"] = [["~ no", "Ja, 'ü'"][y] for y in columns.pop("y")]
    label = project.config(write_csv(project.folder / "d.csv", columns), label="is it: #1?").label
    assert (label.column, set(label.values)) == ("is it: #1?", {"~ no", "Ja, 'ü'"})


def test_each_line_says_what_was_seen(project):
    columns = people() | {"age": [None if row % 4 == 0 else 20 + row * 7 % 61 for row in range(ROWS)]}
    project.config(write_csv(project.folder / "d.csv", columns))
    assert "# 25.0% missing, 20 to 80, 61 values" in project.text
    assert "# complete, 3 values, most often " in project.text


def test_the_schema_has_domains_ranges_presence_and_comparators(project):
    columns = people() | {"age": [None if row % 4 == 0 else 20 + row * 7 % 61 for row in range(ROWS)]}
    project.config(write_csv(project.folder / "d.csv", columns))
    for part in (
        'value: "blue"\n    value: "green"\n    value: "red"',
        "int_domain {\n    max: 140\n    min: 0",
        "min_fraction: 0.5",
        "infinity_norm",
        "jensen_shannon_divergence",
        'default_environment: "SERVING"',
        'not_in_environment: "SERVING"',
    ):
        assert part in project.schema.replace("    min: 0\n    max: 140", "    max: 140\n    min: 0")


def test_a_count_may_be_a_few_more_tomorrow(project):
    columns = people() | {"children": [row % 7 // 5 + row % 2 for row in range(ROWS)]}
    project.config(write_csv(project.folder / "d.csv", columns))
    assert "min: 0\n    max: 12" in project.schema


def test_nothing_is_overwritten_unasked(project):
    data = write_csv(project.folder / "trips.csv", people())
    assert project.init("--data", str(data), "--label", "y").code == 0
    before = (project.folder / "configs" / "trips.yaml").read_text()
    write_csv(data, people(seed=1))
    line = project.init("--data", str(data), "--label", "y").refusal()
    assert "configs/trips.yaml exists; --force overwrites it" in line
    assert (project.folder / "configs" / "trips.yaml").read_text() == before
    assert project.init("--data", str(data), "--label", "y", "--force").code == 0
    assert (project.folder / "configs" / "trips.yaml").read_text() != before


def test_a_dry_run_only_prints(project):
    data = write_csv(project.folder / "trips.csv", people())
    outcome = project.init("--data", str(data), "--label", "y", "--dry-run")
    assert outcome.code == 0
    assert "name: trips" in outcome.out
    assert [path.name for path in project.folder.iterdir()] == ["trips.csv"]


def test_the_output_is_a_table_that_ends_in_the_next_command(project):
    columns = people() | {"id": list(range(ROWS))}
    lines = project.init(
        "--data", str(write_csv(project.folder / "trips.csv", columns)), "--label", "y"
    ).out.splitlines()
    assert lines[0] == "240 rows, 5 columns"
    [header] = [line for line in lines if line.startswith("column")]
    assert header.split() == ["column", "kind", "missing", "distinct", "treatment", "warning"]
    assert any(line.split()[:4] == ["c", "category", "-", "3"] for line in lines)
    assert any("left out: an identifier" in line for line in lines if line.startswith("id "))
    assert lines[-1].startswith("next: ")
    assert lines[-1].endswith("-m pipeline run --config configs/trips.yaml")


@pytest.mark.parametrize(("file", "name"), [("My Trips (2024).csv", "my_trips_2024"), ("2024.csv", "_2024")])
def test_the_name_follows_from_the_file(project, file, name):
    assert project.init("--data", str(write_csv(project.folder / file, people())), "--label", "y").code == 0
    assert (project.folder / "schema" / name / "schema.pbtxt").exists()


def test_hidden_files_are_no_data(project):
    (project.folder / "data").mkdir()
    data = write_csv(project.folder / "data" / "d.csv", people()).parent
    (data / "._d.csv").write_bytes(b"\0\5\x16\7 what macOS writes beside it")
    assert project.init("--data", str(data), "--label", "y").code == 0


def test_an_impossible_name_is_refused(project):
    data = write_csv(project.folder / "d.csv", people())
    assert "--name: 'a/b'" in project.init("--data", str(data), "--label", "y", "--name", "a/b").refusal()


def _contest(folder) -> Path:
    folder.mkdir()
    write_csv(folder / "train.csv", people())
    write_csv(folder / "test.csv", {name: values for name, values in people().items() if name != "y"})
    return folder


def test_a_file_without_the_label_is_left_out_beside_one_that_has_it(project):
    outcome = project.init("--data", str(_contest(project.folder / "titanic")), "--label", "y", "--name", "mine")
    assert outcome.code == 0
    assert "left out, since there is no column 'y': 'test.csv'" in outcome.out
    assert project.written().data.files == "train.csv"


def test_a_file_without_the_label_beside_several_is_named(project):
    folder = _contest(project.folder / "titanic")
    write_csv(folder / "more.csv", people(seed=1))
    line = project.init("--data", str(folder), "--label", "y").refusal()
    assert line == "--data: there is no column 'y' in 'test.csv'; move such files elsewhere, or name one file."


def test_a_wrong_label_leaves_no_file_out(project):
    line = project.init("--data", str(_contest(project.folder / "titanic")), "--label", "z").refusal()
    assert "lacks the column 'y'" in line
