"""The cache key of an ingest sees every picture that it reads, and no other file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tfx.components.example_gen.driver import FileBasedDriver
from tfx.proto import example_gen_pb2
from tfx.utils import proto_utils

from components.example_gen.driver import StampedDriver
from components.example_gen.executor import custom_config
from components.example_gen.reading import Reading
from components.example_gen.snapshot import Snapshot
from components.refusal import GateRefused
from tests.shared.models.pictures import write
from tests.shared.services.remote import Remote

pytestmark = pytest.mark.tensorflow


def given(folder: Path, pattern: str, reading: Reading) -> dict:
    split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
    return {
        "input_base": str(folder),
        "input_config": proto_utils.proto_to_json(example_gen_pb2.Input(splits=[split])),
        "output_config": proto_utils.proto_to_json(example_gen_pb2.Output()),
        "custom_config": proto_utils.proto_to_json(custom_config(reading)),
    }


def fingerprint(properties: dict, driver: type[FileBasedDriver] = StampedDriver) -> str:
    return driver(metadata_handle=None).resolve_exec_properties({**properties}, None, None)["input_fingerprint"]


@pytest.fixture
def by_table(tmp_path) -> dict:
    for name in "ab":
        write(tmp_path / "photos" / f"{name}.png", 1)
    # By way of a file system of Beam's, which lists folders.
    rows = ["photos/a.png", "photos/a.png", f"{Remote.scheme()}:/{tmp_path}/photos/b.png", "photos/gone.png", ""]
    (tmp_path / "1.csv").write_text("photo,n\n" + "".join(f"{row},1\n" for row in rows))
    return given(tmp_path, "*.csv", Reading(kind="csv", pictures=("photo",)))


@pytest.fixture
def by_class(tmp_path) -> dict:
    for name in ("photos/a.png", "others/b.png", "others/c.png"):
        write(tmp_path / name, 1)
        os.utime(tmp_path / name, ns=(1, 1))
    return given(tmp_path, "*/*", Reading(kind="pictures", pictures=("picture",), label="y"))


def _touch(path: Path) -> None:
    os.utime(path, ns=(5, 5))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: write(folder / "photos" / "a.png", 2),
        lambda folder: _touch(folder / "photos" / "a.png"),
        lambda folder: os.utime(folder / "photos" / "b.png", ns=(5, 5)),
        lambda folder: (folder / "photos" / "b.png").unlink(),
        lambda folder: write(folder / "photos" / "gone.png", 1),
    ],
    ids=["written", "touched", "touched in the distance", "removed", "added"],
)
def test_a_changed_picture_changes_the_key_locally_and_on_a_platform(tmp_path, by_table, change):
    before, snapshot = fingerprint(by_table), Snapshot.taken(by_table)
    write(tmp_path / "photos" / "unnamed.png", 1)
    assert fingerprint(by_table) == before
    snapshot.check(by_table)
    change(tmp_path)
    assert fingerprint(by_table) != before
    with pytest.raises(GateRefused, match="changed after the node DataFingerprint had looked"):
        snapshot.check(by_table)


def test_a_picture_that_moves_to_another_class_changes_the_key(tmp_path, by_class):
    before, of_tfx = fingerprint(by_class), fingerprint(by_class, FileBasedDriver)
    (tmp_path / "others" / "b.png").rename(tmp_path / "photos" / "b.png")
    assert fingerprint(by_class) != before
    # Which is why it is not used.
    assert fingerprint(by_class, FileBasedDriver) == of_tfx
