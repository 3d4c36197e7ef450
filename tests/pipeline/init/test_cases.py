"""Data as people have them: each kind ends in a config that passes all checks, or in one line that names the fault."""

import codecs
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.pipeline.init.tables import ROWS, kinds, people, write_csv


@pytest.mark.parametrize(
    ("write", "csv"),
    [
        pytest.param(lambda text: text, {}, id="plain"),
        pytest.param(lambda text: "\n\n" + text, {}, id="blank lines first"),
        pytest.param(lambda text: text.replace(",", ";"), {}, id="semicolon"),
        pytest.param(lambda text: text.replace(",", "\t"), {}, id="tab"),
        pytest.param(lambda text: text.replace(",", "~"), {"delimiter": "~"}, id="tilde"),
        pytest.param(lambda text: "Report of May\n\n" + text, {"skip_lines": 2}, id="title"),
        pytest.param(lambda text: "# by hand\n# twice\n" + text, {"comment": "#"}, id="comments"),
        pytest.param(lambda text: text.replace(",", ";").replace(".", ","), {"decimal": ","}, id="decimal comma"),
        pytest.param(lambda text: text.replace("red", "grün").encode("cp1252"), {"encoding": "cp1252"}, id="cp1252"),
        pytest.param(lambda text: text.encode("utf-16"), {"encoding": "utf-16"}, id="utf-16"),
        pytest.param(lambda text: text.encode("utf-32"), {"encoding": "utf-32"}, id="utf-32"),
        pytest.param(lambda text: codecs.BOM_UTF8 * 2 + text.encode(), {}, id="byte-order marks"),
        pytest.param(
            lambda text: "".join(
                f"{'' if place == 0 else place - 1},{line}\n" for place, line in enumerate(text.splitlines())
            ),
            {"index": True},
            id="index",
        ),
    ],
)
def test_how_a_csv_file_is_written_is_found(project, write, csv):
    made = write(write_csv(project.folder / "plain.csv", people()).read_text())
    (project.folder / "data").mkdir()
    (project.folder / "data" / "d.csv").write_bytes(made if isinstance(made, bytes) else made.encode())
    config = project.config(project.folder / "data")
    assert config.data.csv.model_dump(exclude_defaults=True) == csv
    assert kinds(config) == {"x": ["number"], "k": ["number", "category"], "c": ["category"]}


def test_separators_of_thousands_are_found(project):
    columns = people() | {"amount": [f"{1000 + 3700 * row % 90_001:,}" for row in range(ROWS)]}
    config = project.config(write_csv(project.folder / "d.csv", columns))
    assert config.data.csv.thousands == ","
    assert kinds(config)["amount"] == ["number"]


def test_marks_of_missing_values_are_found(project):
    columns = people() | {
        "amount": ["NA" if row % 9 == 0 else row * 1.5 for row in range(ROWS)],
        "age": ["?" if row % 7 == 0 else row % 80 for row in range(ROWS)],
        "day": ["NA" if row % 5 == 0 else f"2024-01-{row % 28 + 1:02}" for row in range(ROWS)],
    }
    config = project.config(write_csv(project.folder / "d.csv", columns))
    assert set(config.data.csv.missing) == {"NA", "?"}
    assert (kinds(config)["amount"], kinds(config)["day"]) == (["number"], ["date"])


def test_gzip_and_other_endings_are_read(project):
    text = write_csv(project.folder / "plain.csv", people()).read_bytes()
    (project.folder / "a").mkdir()
    (project.folder / "a" / "d.csv.gz").write_bytes(gzip.compress(text))
    assert project.config(project.folder / "a").data.files is None
    (project.folder / "adult.data").write_bytes(text)
    assert project.config(project.folder / "adult.data", "--force").data.files == "adult.data"


def test_a_damaged_file_is_called_so_whatever_its_encoding(project):
    packed = gzip.compress(("Größe,y\n" + "".join(f"{row},{row % 2}\n" for row in range(ROWS))).encode("latin-1"))
    (project.folder / "d.csv.gz").write_bytes(packed[: len(packed) // 2])
    outcome = project.init("--data", str(project.folder / "d.csv.gz"), "--label", "y")
    assert outcome.code == 2
    assert "d.csv.gz is not a complete gzip file" in outcome.err


def test_a_file_beside_others_is_read_alone(project):
    write_csv(project.folder / "other.csv", {"a": [1]})
    config = project.config(write_csv(project.folder / "d.csv", people()))
    assert (config.data.path.resolve(), config.data.files) == (project.folder, "d.csv")


def test_files_called_train_and_eval_are_splits(project):
    write_csv(project.folder / "data" / "train.csv", people())
    write_csv(project.folder / "data" / "test.csv", people(seed=1))
    assert project.config(project.folder / "data").data.splits.given == {"train": "train.csv", "eval": "test.csv"}


def test_a_column_of_nan_inf_or_overflow(project):
    nan = people() | {"m": ["nan" if row % 5 == 0 else row / 7 for row in range(ROWS)]}
    assert kinds(project.config(write_csv(project.folder / "d.csv", nan)))["m"] == ["number"]
    assert "# 20.0% missing" in project.text
    for text in ("inf", "1e400", "1e39"):
        bad = people() | {"m": [text if row == 3 else row / 7 for row in range(ROWS)]}
        line = project.init("--data", str(write_csv(project.folder / "d.csv", bad)), "--label", "y").refusal()
        assert "d.csv, row 4 after the header: 'm' is '" + text in line


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"\0" * 200, "NUL bytes"),
        (b"PK\x03\x04\x14\0\x06\0", "d.csv is a zip archive or a spreadsheet"),
        (b"x,y\r1,0\r2,1\r", "its lines end in CR alone"),
        (b"\n\n\n", "no line names the columns"),
        (b'"a\nb",y\n1,0\n', "a quote that is not closed"),
        (b"", "no line names the columns"),
        (b"x,y\n", "there are no rows in ."),
        (b"x,y\n1,0\n2,1\n3,0\n", "'y' has 3 labels in 3 rows; at least 20 are needed"),
        (b"x,y\n" + b"1,0\n" * 50, "'y' is 0 in every row"),
        (b"y\n" + b"1\n0\n" * 50, "no column is left to learn from"),
        (b"x,y\n" + b"7,1\n7,0\n" * 50, "no column is left to learn from ('x': constant"),
        (b"x,y\n" + b"".join(b"%d,t%d\n" % (row % 3, row) for row in range(50)), "too many for classes"),
    ],
)
def test_hopeless_files_get_one_line(project, content, part):
    (project.folder / "d.csv").write_bytes(content)
    assert part in project.init("--data", "d.csv", "--label", "y").refusal()
    assert not (project.folder / "configs").exists()


def test_damaged_parquet_files_get_one_line(project):
    two = pa.table([pa.array([1.0]), pa.array([2.0]), pa.array([1])], ["x1", "x1", "y"])
    parquet.write_table(two, project.folder / "twice.parquet")
    assert "'x1' occurs twice" in project.init("--data", "twice.parquet", "--label", "y").refusal()
    (project.folder / "cut.parquet").write_bytes((project.folder / "twice.parquet").read_bytes()[:-20])
    assert "not a complete Parquet file" in project.init("--data", "cut.parquet", "--label", "y").refusal()


def test_a_file_whose_name_is_no_text_is_refused(project):
    (project.folder / os.fsdecode(b"d\xff.csv")).write_bytes(b"x,y\n1,2\n")
    assert r"the name 'd\udcff.csv' is not UTF-8 text" in project.init("--data", ".", "--label", "y").refusal()


@pytest.mark.parametrize(
    ("make", "part"),
    [
        pytest.param(os.mkfifo, "d.csv is not a regular file", id="pipe"),
        pytest.param(lambda path: path.symlink_to(path), "d.csv is not a regular file", id="loop of links"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "d.csv is not a regular file", id="device"),
        pytest.param(Path.mkdir, "d.csv is not a regular file", id="folder"),
        # Reading its first byte fails, for root as well.
        pytest.param(lambda path: path.symlink_to("/proc/self/mem"), "d.csv cannot be read (Input/output", id="broken"),
    ],
)
def test_what_is_no_file_does_not_wait(project, make, part):
    write_csv(project.folder / "e.csv", people())
    make(project.folder / "d.csv")
    assert part in project.init("--data", ".", "--label", "y").refusal()


def test_a_label_that_no_file_has_is_said_before_the_rows_are_read(project):
    rows = "1," * 4999 + "1\n"
    (project.folder / "d.csv").write_text(",".join(f"column_{place}" for place in range(5000)) + "\n" + rows * 60)
    line = project.init("--data", "d.csv", "--label", "y").refusal()
    assert "there is no column 'y'; there are 'column_0', 'column_1'," in line
    assert "and 4,992 more" in line


def test_a_wrong_label_names_the_nearest_columns(project):
    columns = people()
    columns["Survived"] = columns.pop("y")
    write_csv(project.folder / "d.csv", columns | {f"pclass{place}": columns["x"] for place in range(30)})
    line = project.init("--data", "d.csv", "--label", "survivd").refusal()
    assert "there is no column 'survivd'; did you mean 'Survived'?" in line
    assert "more" in line


def test_lists_vectors_and_dates_of_parquet(project):
    columns = people()
    random = np.random.default_rng(0)
    table = pa.table(
        {
            "x": columns["x"],
            "tags": [["a", "b"][: 1 + row % 2] for row in range(ROWS)],
            "position": [random.normal(size=3).tolist() for _ in range(ROWS)],
            "when": pa.array(np.arange(ROWS) * 7_000_000, pa.timestamp("ms")),
            "known": pa.array([row % 3 > 0 for row in range(ROWS)]),
            "y": columns["y"],
        }
    )
    parquet.write_table(table, project.folder / "d.parquet")
    found = kinds(project.config(project.folder / "d.parquet"))
    assert found == {"x": ["number"], "tags": ["list"], "position": ["vector"], "when": ["date"], "known": ["number"]}
    assert project.written().features.root["position"][0].length == 3


def test_lists_in_cells(project):
    random = np.random.default_rng(0)
    some = [random.permutation(["red", "soft", "new", "old"])[: random.integers(0, 4)].tolist() for _ in range(ROWS)]
    columns = people() | {"tags": list(map(";".join, some)), "more": list(map(json.dumps, some))}
    config = project.config(write_csv(project.folder / "d.csv", columns))
    assert config.features.root["tags"][0].separator == ";"
    assert config.features.root["more"][0].json_list


def test_codes_that_pandas_wrote_as_floats_are_codes(project):
    columns = people() | {"zone": ["" if row % 9 == 0 else f"{17031 + row % 5}.0" for row in range(ROWS)]}
    config = project.config(write_csv(project.folder / "d.csv", columns))
    assert kinds(config)["zone"] == ["category"]
    assert 'name: "zone"\n  value_count {\n    max: 1\n  }\n  type: INT' in project.schema


EDGES = {
    "int64": pa.array([2**63 - 1, -(2**63), 0] * (ROWS // 3)),
    "float32": pa.array([3e38, -3e38, 1.0] * (ROWS // 3)),
}


@pytest.mark.parametrize("name", EDGES)
def test_numbers_at_the_edge_of_their_type_are_numbers(project, name):
    tiny = pa.array([5e-324, 0.0, 1e-40] * (ROWS // 3))
    parquet.write_table(pa.table(people() | {name: EDGES[name], "tiny": tiny}), project.folder / "d.parquet")
    found = kinds(project.config(project.folder / "d.parquet"))
    assert found[name][0] == "number"
    assert "tiny" not in found
    assert "too small for a float32" in project.text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (lambda row: "x" if row == 7 else f"{row * 0.37:.2f}", "mostly numbers, but not 'x': correct such values"),
        (
            lambda row: f"{row * 0.37:.2f}".replace(".", ".,"[row % 2]),
            "such as '0,37', which may be a number: write it",
        ),
        (lambda row: f"−{row * 0.37:.2f}", "such as '−0.00', which may be a number"),
        (lambda row: f"({row * 0.37:.2f})", "such as '(0.00)', which may be a number"),
        (lambda row: f"{row * 0.37:.2f}-", "such as '0.00-', which may be a number"),
        (
            lambda row: [f"{1900 + row}-01-31", f"{row % 28 + 1}.5.{1900 + row}"][row % 2],
            "such as '2.5.1901', which may be a date",
        ),
    ],
)
def test_a_column_that_is_nearly_of_numbers_or_dates_says_what_is_wrong(project, value, reason):
    config = project.config(write_csv(project.folder / "d.csv", people() | {"m": [value(row) for row in range(ROWS)]}))
    assert "m" not in kinds(config)
    assert reason in project.text


def test_blanks_are_missing_numbers(project):
    columns = people() | {"age": ["   " if row % 7 == 0 else row % 80 for row in range(ROWS)]}
    config = project.config(write_csv(project.folder / "d.csv", columns))
    assert (config.data.csv.missing, kinds(config)["age"]) == (("   ",), ["number"])


def test_amounts_with_signs_are_left_out_with_advice(project):
    columns = people() | {"cost": [f"${row * 1.37:.2f}" for row in range(ROWS)]}
    assert "cost" not in kinds(project.config(write_csv(project.folder / "d.csv", columns)))
    assert "which may be a number: write it without signs and units" in project.text


def test_data_that_are_not_there(project):
    assert "there is no file or folder nowhere" in project.init("--data", "nowhere", "--label", "y").refusal()
    (project.folder / "empty").mkdir()
    assert "has no files that end in .csv" in project.init("--data", "empty", "--label", "y").refusal()
    assert "--data and --label are needed" in project.init("--data", "empty").refusal()
