"""Rows are left out and split as the config says, in this process and through Beam alike."""

import csv

import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet

from components.example_gen.rows.counts import RowCounts
from components.refusal import GateRefused
from tests.components.example_gen.ingest import ingest, plain, written
from tests.components.example_gen.test_example_gen import THROUGH_BEAM

pytestmark = pytest.mark.tensorflow

ROWS = [
    {
        "row": row,
        "day": f"2024-{row // 28 + 1:02}-{row % 28 + 1:02}",
        "customer": f"c{row % 7}",
        "fare": None if row % 10 == 3 else row / 4,
        "tips": None if row % 25 == 4 else row % 2,
    }
    for row in range(100)
]
NAMES = [*ROWS[0]]


def write(folder, kind="csv", *, rows=ROWS, name="1"):
    folder.mkdir(exist_ok=True)
    if kind == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet", row_group_size=30)
        return
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, NAMES)
        writer.writeheader()
        writer.writerows(rows)


def _numbers(output, split):
    return [tf.train.Example.FromString(e).features.feature["row"].int64_list.value[0] for e in written(output)[split]]


def numbers(output):
    return {split: sorted(_numbers(output, split)) for split in written(output)}


TIME = {"by": "time", "column": "day", "eval": 0.3}
KEPT = {"where": "fare > 2 and day is not missing", "label": ["tips"], "missing": "drop"}
CASES = {
    "where": (KEPT, {}, lambda row: True),
    "time": (KEPT | {"splits": TIME}, {"train": 1, "eval": 1}, lambda row: row not in WANTED[-24:]),
    "value": (
        KEPT | {"splits": {"by": "value", "column": "customer", "eval": ["c1", "c5"]}},
        {"train": 1, "eval": 1},
        lambda row: row % 7 not in (1, 5),
    ),
}
# Above 2, with a fare and with a label.
WANTED = [row for row in range(9, 100) if row % 10 != 3 and row % 25 != 4]


@pytest.mark.parametrize(
    ("kind", "runner"),
    [
        ("csv", "FnApiRunner"),
        ("parquet", THROUGH_BEAM),
        *(pytest.param(kind, "FnApiRunner", marks=pytest.mark.slow) for kind in ("parquet", "tfrecord")),
        *(pytest.param(kind, THROUGH_BEAM, marks=pytest.mark.slow) for kind in ("csv", "tfrecord")),
    ],
)
@pytest.mark.parametrize("case", list(CASES))
def test_rows_are_left_out_counted_and_split_the_same_everywhere(tmp_path, case, kind, runner):
    options, splits, in_train = CASES[case]
    write(tmp_path / "data", "csv" if kind == "tfrecord" else kind)
    if kind == "tfrecord":
        ingest(tmp_path / "data", tmp_path / "made")
        (tmp_path / "data" / "1.csv").unlink()
        for shard in (tmp_path / "made").rglob("*.gz"):
            shard.rename(tmp_path / "data" / f"{shard.parent.name}.tfrecord.gz")
    ingest(tmp_path / "data", tmp_path / "out", kind=kind, rows=options, runner=runner, splits=splits or {"train": 1})
    train = [row for row in WANTED if in_train(row)]
    expected = {"train": train, "eval": [row for row in WANTED if not in_train(row)]}
    assert numbers(tmp_path / "out") == {split: expected[split] for split in splits or ["train"]}
    counts = RowCounts.load(str(tmp_path / "out"))
    written = {split: len(expected[split]) for split in splits or ["train"]}
    assert counts == RowCounts(read=100, where=18, missing_label=3, splits=written, distinct=written)
    assert counts.left_out() == "18 of 100 rows by data.where, 3 of 100 rows without a label"


@pytest.mark.parametrize("runner", ["FnApiRunner", pytest.param(THROUGH_BEAM, marks=pytest.mark.slow)])
def test_splits_by_files_have_the_types_that_all_files_have(tmp_path, runner):
    write(tmp_path / "data", rows=ROWS[:60], name="train-1")
    write(tmp_path / "data", rows=[ROWS[60] | {"tips": 0.5}], name="eval")
    patterns = {"train": "train*.csv", "eval": "eval*.csv"}
    options = {"splits": {"by": "files", **patterns}, "label": ["tips"], "missing": "drop"}
    ingest(tmp_path / "data", tmp_path / "out", patterns=patterns, splits=None, rows=options, runner=runner)
    assert numbers(tmp_path / "out") == {"train": [row for row in range(60) if row % 25 != 4], "eval": [60]}
    assert {type(row["tips"][0]) for row in plain(tmp_path / "out")} == {float}


def test_a_customer_is_in_one_split_only(tmp_path):
    write(tmp_path / "data")
    ingest(tmp_path / "data", tmp_path / "out", feature="customer")
    customers = {split: {row % 7 for row in rows} for split, rows in numbers(tmp_path / "out").items()}
    assert customers["train"]
    assert customers["eval"] == {*range(7)} - customers["train"]


@pytest.mark.parametrize("runner", ["FnApiRunner", pytest.param(THROUGH_BEAM, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("window", "until", "expected"), [(2, None, [2, 3]), (2, 2, [1, 2]), (9, None, [1, 2, 3])])
def test_the_newest_spans_are_read_together(tmp_path, runner, window, until, expected):
    for span in (1, 2, 3):
        write(tmp_path / "data", rows=[ROWS[span]], name=f"span-{span}")
    # Nobody reads it.
    (tmp_path / "data" / "span-0.csv").write_text("other,columns\n1,2\n")
    (tmp_path / "data" / "span-x.csv").write_text("other,columns\n1,2\n")
    options = {"window": window, "patterns": ["span-{SPAN}.csv"]}
    if window == 9:
        (tmp_path / "data" / "span-0.csv").unlink()
    properties = {"span": until} if until else {}
    ingest(tmp_path / "data", tmp_path / "out", splits={"train": 1}, rows=options, runner=runner, properties=properties)
    assert numbers(tmp_path / "out") == {"train": expected}


REFUSED = [
    ({"where": "fares > 0"}, r"1\.csv: there is no column 'fares'; did you mean 'fare'"),
    ({"where": "fare > '0'"}, r"1\.csv: data\.where: fare is a number, but it is compared with '0'"),
    ({"where": "fare > 1000"}, r"data\.where leaves out all 100 rows: fare > 1000"),
    (
        {"label": ["tips"]},
        r"the label \(tips\) is missing in 4 of 100 rows \(4\.0%\), first in .*1\.csv, row 5 after the header; fill",
    ),
    (
        {"label": ["tips", "fare"], "where": "row < 50"},
        r"the label \(tips or fare\) is missing in 7 of 50 rows \(14\.0%\)",
    ),
    (
        {"label": ["tips"], "missing": "drop", "where": "tips is missing"},
        r"the label \(tips\) is missing in all 4 rows",
    ),
    (
        {"splits": TIME | {"column": "fare"}},
        r'fare is missing in 10 of 100 rows, .* data\.where: "fare is not missing"',
    ),
    ({"splits": TIME | {"column": "customer"}}, r"1\.csv: customer is 'c0', which is no ISO date"),
    (
        {"splits": {"by": "value", "column": "customer", "train": ["c0", "c2"], "eval": ["c1"]}},
        r"1\.csv: data\.splits: a row's customer is 'c3', which is in no split; name it",
    ),
    ({"splits": {"by": "value", "column": "row", "eval": ["x"]}}, r"data\.splits\.eval: row is a number, but .* 'x'"),
    (
        {"splits": {"by": "value", "column": "row", "eval": [100]}},
        r"data\.splits \(by value\): none of 100 rows is in eval",
    ),
]


@pytest.mark.parametrize("runner", ["FnApiRunner", pytest.param(THROUGH_BEAM, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("options", "reason"), REFUSED)
def test_what_cannot_be_split_or_learnt_is_refused_with_its_place(tmp_path, options, reason, runner):
    write(tmp_path / "data")
    # Beam wraps what a step raises.
    with pytest.raises(GateRefused if runner == "FnApiRunner" else Exception, match=reason) as error:
        ingest(tmp_path / "data", tmp_path / "out", splits={"train": 1, "eval": 1}, rows=options, runner=runner)
    if runner == "FnApiRunner":
        assert len(error.value.reason.replace(str(tmp_path), "")) < 280
        assert not list((tmp_path / "out").rglob("data_tfrecord-*"))


def test_a_column_of_fractions_cannot_be_hashed_and_a_missing_one_neither(tmp_path):
    write(tmp_path / "data")
    with pytest.raises(GateRefused, match="needs a text or an integer in 'fare'.* a number with a fraction"):
        ingest(tmp_path / "data", tmp_path / "out", feature="fare")
    with pytest.raises(GateRefused, match="needs a text or an integer in 'tips'.* has none"):
        ingest(tmp_path / "data", tmp_path / "out", feature="tips")
