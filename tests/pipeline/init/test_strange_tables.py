"""Tables with a fault that would become a wrong class, a wrong number or a word that no request has."""

import gzip
import pickle
import re

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from tests.pipeline.init.tables import ROWS, kinds, people, write_csv


def test_the_header_again_is_refused_by_its_row(project):
    lines = write_csv(project.folder / "d.csv", people()).read_text().splitlines()
    (project.folder / "d.csv").write_text("\n".join([*lines[:100], lines[0], *lines[100:]]))
    line = project.init("--data", "d.csv", "--label", "y").refusal()
    assert "d.csv, row 100 after the header is the header again" in line


def test_a_value_may_be_the_name_of_its_column(project):
    columns = people() | {"red": ["red" if row % 3 else "other" for row in range(ROWS)]}
    assert kinds(project.config(write_csv(project.folder / "d.csv", {"red": columns.pop("red"), **columns})))["red"]


def test_a_mark_among_classes_is_no_class(project):
    marked = people() | {"y": ["?" if row % 30 == 0 else "abc"[row % 3] for row in range(ROWS)]}
    config = project.config(write_csv(project.folder / "d.csv", marked))
    assert (config.label.classes, config.label.missing, config.data.csv.missing) == (("a", "b", "c"), "drop", ("?",))


def test_none_is_a_class_and_one_of_two_values_is_no_mark(project):
    for values in (["none", "low", "high"], ["-", "+"]):
        table = people() | {"y": [values[row % len(values)] for row in range(ROWS)]}
        label = project.config(write_csv(project.folder / "d.csv", table), "--force").label
        assert set(label.classes or ()) == set(values)


def test_words_such_as_yes_are_two_classes_however_they_are_written(project):
    words = ["Yes", "no", "yes ", " No", "YES", "NO"]
    table = people() | {"y": [words[row % 6] for row in range(ROWS)]}
    label = project.config(write_csv(project.folder / "d.csv", table)).label
    assert (label.task, label.classes, label.of({"y": "yes "}), label.of({"y": " No"})) == ("binary", None, 1, 0)


def test_classes_that_differ_only_in_case_or_blanks_are_said(project):
    table = people() | {"y": [["High", "low", "high "][row % 3] for row in range(ROWS)]}
    project.config(write_csv(project.folder / "d.csv", table))
    assert "are two classes: correct them if they are one" in project.text


@pytest.mark.parametrize(
    ("values", "part"),
    [
        pytest.param(lambda row: "Total" if row == 7 else row % 2, "holds numbers, but 'Total' in 1 of 240", id="text"),
        pytest.param(lambda row: "ab"[row % 2] * 5_000, "holds texts of 200 characters or more", id="long"),
        pytest.param(lambda row: 10**18 + row, "subtract 1000000000000000000", id="float32"),
        pytest.param(lambda row: f"{row}e30", "to 2.39e+32, too large to be squared: divide by 1e+32", id="large"),
        pytest.param(lambda row: f"{row}e-30", "too small to be squared: divide by 1e-28", id="small"),
        pytest.param(lambda row: f"${row}.20", "write amounts as plain numbers", id="amounts"),
    ],
)
def test_labels_that_no_model_reads_are_refused_with_the_way_out(project, values, part):
    table = people() | {"y": list(map(values, range(ROWS)))}
    assert part in project.init("--data", str(write_csv(project.folder / "d.csv", table)), "--label", "y").refusal()


def test_numbers_that_are_one_as_float32_are_left_out(project):
    made = people() | {
        "z": [2**53 + row * 7 % 100 for row in range(ROWS)],
        "time": [1_704_000_000 + row * 3_700 for row in range(ROWS)],
    }
    parquet.write_table(pa.table(made), project.folder / "d.parquet")
    found = kinds(project.config(project.folder / "d.parquet"))
    assert ("z" in found, found["time"]) == (False, ["date"])
    assert (
        "# z: left out: holds numbers that differ by less than a float32 can tell: subtract 9007199254740992"
        in project.text
    )


def test_long_texts_are_no_closed_list(project):
    texts = [f"{place} " + "word " * 100 for place in range(4)]
    random = np.random.default_rng(0)
    columns = {"long": random.choice(texts, ROWS).tolist(), "short": random.choice([*"abcd"], ROWS).tolist()}
    project.config(write_csv(project.folder / "d.csv", people() | columns))
    assert 'value: "d"' in project.schema
    assert "word" not in project.schema


def test_text_of_an_unknown_encoding_is_refused(project):
    # Bytes that cp1252 has not; as Latin-1 they would be control characters.
    columns = people() | {"c": [["赤", "青"][row % 2] for row in range(ROWS)]}
    write_csv(project.folder / "d.csv", columns, encoding="shift_jis")
    assert "d.csv is text neither in UTF-8 nor in cp1252" in project.init("--data", "d.csv", "--label", "y").refusal()


def test_a_delimiter_too_many_is_said_of_the_row_that_has_it(project):
    lines = write_csv(project.folder / "d.csv", people()).read_text().splitlines()
    (project.folder / "d.csv").write_text("\n".join([lines[0], *(f"{line}," for line in lines[1:])]))
    line = project.init("--data", "d.csv", "--label", "y").refusal()
    assert "row 1 after the header has 5 cells, the header has 4" in line


def test_an_integer_of_more_than_64_bits_is_said(project):
    columns = people() | {"z": [-(10**30) if row == 4 else row % 40 for row in range(ROWS)]}
    project.config(write_csv(project.folder / "d.csv", columns))
    assert "of more than 64 bits: write it as a float" in project.text


@pytest.mark.parametrize(
    ("name", "write", "part"),
    [
        ("d.jsonl", lambda path: path.write_text('{"x": 1, "y": 0}\n{"x": 2, "y": 1}\n'), "it is JSON"),
        ("d.json", lambda path: path.write_text('[{"x": 1, "y": 0}]'), "it is JSON"),
        ("d.pkl", lambda path: path.write_bytes(pickle.dumps({"x": [1]})), "may be a pickle"),
        ("d.npy", lambda path: np.save(path, np.ones((3, 2))), "an array of NumPy"),
        (
            "d.feather",
            lambda path: feather.write_feather(pa.table(people()), path, version=1),
            "a Feather file",
        ),
        ("d.csv.xz", lambda path: path.write_bytes(b"\xfd7zXZ\0\0\x8f"), "compressed by xz"),
    ],
)
def test_files_of_other_formats_are_called_by_their_name(project, name, write, part):
    write(project.folder / name)
    assert part in project.init("--data", name, "--label", "y").refusal()


def test_a_folder_without_known_endings_names_what_is_there(project):
    (project.folder / "data" / "a" / "b").mkdir(parents=True)
    (project.folder / "data" / "a" / "b" / "d.csv.gz").write_bytes(gzip.compress(b"x,y\n1,0\n"))
    line = project.init("--data", "data", "--label", "y").refusal()
    assert "there is 'a/b/d.csv.gz': name that file, rename it, or convert it" in line


def test_folders_that_hold_values_are_said_to_be_no_columns(project):
    for year in (2023, 2024):
        write_csv(project.folder / "data" / f"year={year}" / "part.csv", people(seed=year))
    outcome = project.init("--data", "data", "--label", "y", "--name", "mine")
    assert "folders such as year=2023 are no columns" in outcome.out


def test_a_name_that_the_export_takes_for_whole_rows_is_refused(project):
    write_csv(project.folder / "d.csv", {"examples": list(range(ROWS)), **people()})
    line = project.init("--data", "d.csv", "--label", "y").refusal()
    assert "a column is called 'examples', as is the exported model's input of whole rows; rename the column" in line


def test_a_few_very_large_errors_widen_the_limit(project):
    random = np.random.default_rng(0)
    ratios = []
    for noise in (random.normal(size=900), random.standard_t(1.5, size=900)):
        columns = people(900)
        columns["y"] = [round(100 * x + 20 * each, 3) for x, each in zip(columns["x"], noise, strict=True)]
        limit = project.config(write_csv(project.folder / "d.csv", columns), "--force").gates.evaluation.thresholds[0]
        reached, trivial = map(float, re.findall("root_mean_squared_error ([0-9.]+)", project.text))
        ratios.append(limit.max / ((reached + trivial) / 2))
    # What the number of rows alone allows, of 300.
    assert ratios[0] < 1.2 < 1.5 < ratios[1]


def test_a_row_too_long_near_the_top_is_named_and_no_header_is_sought_behind_it(project):
    (project.folder / "d.csv").write_text("x,y\n" + "1,0\n" * 3 + "3,1,9\n" + "2,1\n" * 200)
    line = project.init("--data", "d.csv", "--label", "y").refusal()
    assert "row 4 after the header has 3 cells, the header has 2" in line
