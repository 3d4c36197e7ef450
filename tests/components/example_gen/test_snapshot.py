"""What an ExampleGen on a platform knows of the files: it changes when they do, and they are what is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tfx.proto import example_gen_pb2
from tfx.types.standard_artifacts import Examples
from tfx.utils import proto_utils

from components.example_gen.executor import custom_config
from components.example_gen.ingest import paths
from components.example_gen.reading import Reading
from components.example_gen.rows.options import Rows
from components.example_gen.snapshot import Snapshot
from components.example_gen.stamps import stamps
from components.refusal import GateRefused
from tests.components.example_gen.ingest import ingest, plain
from tests.shared.services.buckets import BUCKET, emulator

pytestmark = pytest.mark.tensorflow

SPANS = "day-{SPAN}/v{VERSION}/*.csv"


class Data:
    """A folder of CSV files, and the parameters of an ExampleGen."""

    def __init__(self, folder: Path, *, pattern: str, window: int = 1):
        self.folder, self.pattern, self.window = folder, pattern, window

    def write(self, name: str, number: int, *, at: int = 1) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"number\n{number}\n")
        os.utime(path, ns=(at, at))

    def properties(self) -> dict[str, str]:
        rows = Rows(window=self.window, patterns=(self.pattern,))
        split = example_gen_pb2.Input.Split(name="all", pattern=self.pattern)
        return {
            "input_base": str(self.folder),
            "input_config": proto_utils.proto_to_json(example_gen_pb2.Input(splits=[split])),
            "custom_config": proto_utils.proto_to_json(custom_config(Reading(kind="csv"), rows)),
        }

    def snapshot(self) -> Snapshot:
        return Snapshot.taken(self.properties())

    def ingest(self, output: Path, snapshot: Snapshot) -> Examples:
        given = {"snapshot": snapshot.model_dump_json()}
        rows = {"window": self.window, "patterns": (self.pattern,)}
        return ingest(self.folder, output, patterns={"all": self.pattern}, rows=rows, properties=given)


@pytest.fixture
def plain_files(tmp_path):
    data = Data(tmp_path / "data", pattern="*.csv")
    data.write("a.csv", 1)
    data.write("b.csv", 2)
    return data


def test_equal_files_give_equal_snapshots(plain_files):
    before = plain_files.snapshot()
    plain_files.write("README", 9)
    assert plain_files.snapshot() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.write("a.csv", 1, at=2),
        lambda data: data.write("a.csv", 10),
        lambda data: data.write("c.csv", 3),
        lambda data: (data.folder / "b.csv").unlink(),
        lambda data: (data.folder / "b.csv").rename(data.folder / "d.csv"),
    ],
    ids=["written at another time", "another size", "one more", "one less", "another name"],
)
def test_changed_files_are_not_taken_for_what_they_were(plain_files, change):
    before = plain_files.snapshot()
    before.check(plain_files.properties())
    change(plain_files)
    assert plain_files.snapshot() != before
    with pytest.raises(GateRefused, match=r"files of \*.csv changed after the node DataFingerprint had"):
        before.check(plain_files.properties())


@pytest.mark.parametrize(("window", "read"), [(1, ["day-2"]), (2, ["day-1", "day-2"])])
def test_the_spans_of_the_snapshot_are_those_that_are_read(tmp_path, window, read):
    data = Data(tmp_path, pattern=SPANS, window=window)
    for span in (0, 1, 2):
        for version in (1, 2):
            data.write(f"day-{span}/v{version}/a.csv", span)
    taken = data.snapshot()
    assert (taken.span, taken.version) == (2, 2)
    data.write("day-0/v2/a.csv", 99, at=2)
    assert data.snapshot() == taken
    data.write("day-3/v1/a.csv", 3)
    assert data.snapshot() != taken
    assert paths(taken.put_into(data.properties())) == [[f"{tmp_path}/{span}/v2/a.csv" for span in read]]


def test_example_gen_reads_its_snapshot_and_refuses_what_has_changed_since(tmp_path):
    data = Data(tmp_path / "data", pattern="day-{SPAN}/*.csv")
    data.write("day-1/a.csv", 11)
    taken = data.snapshot()
    data.write("day-2/a.csv", 22)
    artifact = data.ingest(tmp_path / "output", taken)
    assert [row["number"] for row in plain(tmp_path / "output")] == [[11]]
    assert artifact.get_int_custom_property("span") == 1
    assert artifact.get_string_custom_property("input_fingerprint") == taken.digest
    data.write("day-1/a.csv", 11, at=2)
    with pytest.raises(GateRefused, match="submit the run again"):
        data.ingest(tmp_path / "other", taken)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(GateRefused, match="no file matches"):
        Data(tmp_path, pattern="*.csv").snapshot()


def test_an_object_that_is_written_again_is_another(monkeypatch):
    files = [f"gs://{BUCKET}/data/{name}.csv" for name in "ab"]
    with emulator(monkeypatch) as store:
        store.plant("data/a.csv", b"1")
        store.plant("data/b.csv", b"2")
        before = stamps(files)
        store.plant("data/c.csv", b"3")
        assert stamps(files) == before
        store.plant("data/b.csv", b"2")
        changed = stamps(files)
    assert [stamp == former for stamp, former in zip(changed, before, strict=True)] == [True, False]
