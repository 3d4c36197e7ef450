"""A folder of pictures by class: each is a row, and other files are left alone."""

from __future__ import annotations

import pytest

from components.refusal import GateRefused
from tests.components.example_gen.ingest import ingest, plain, written
from tests.shared.models.pictures import write

pytestmark = pytest.mark.tensorflow

READING = {"pictures": ("picture",), "label": "species"}


def read(folder, output, **options):
    ingest(folder, output, kind="pictures", reading=READING, **({"patterns": {"all": "*/*"}} | options))
    return sorted((row["species"][0].decode(), row["picture"][0]) for row in plain(output))


@pytest.mark.parametrize("runner", ["FnApiRunner", pytest.param("BundleBasedDirectRunner", marks=pytest.mark.slow)])
def test_a_picture_is_a_row_with_the_name_of_its_folder(tmp_path, runner):
    expected = [(name, write(tmp_path / "photos" / name / f"{n}.PNG", n)) for name in ("cat", "dög") for n in (1, 2)]
    (tmp_path / "photos" / "README").write_text("no picture")
    (tmp_path / "photos" / "cat" / "Thumbs.db").write_text("no picture")
    assert read(tmp_path / "photos", tmp_path / "out", runner=runner) == sorted(expected)


def test_splits_may_have_folders_of_their_own(tmp_path):
    for split, light in (("train", 1), ("test", 2)):
        write(tmp_path / "photos" / split / "cat" / "1.png", light)
    patterns = {"train": "train/*/*", "eval": "test/*/*"}
    assert len(read(tmp_path / "photos", tmp_path / "out", patterns=patterns, splits=None)) == 2
    assert {split: len(rows) for split, rows in written(tmp_path / "out").items()} == {"train": 1, "eval": 1}


def test_a_broken_picture_is_refused_by_its_name_or_left_out_by_a_condition(tmp_path):
    write(tmp_path / "photos" / "cat" / "1.png", 1)
    (tmp_path / "photos" / "cat" / "2.png").write_bytes(b"\x89PNG")
    with pytest.raises(GateRefused, match=r"photos: picture is '.*photos/cat/2\.png', which is no picture") as error:
        read(tmp_path / "photos", tmp_path / "out")
    assert len(str(error.value)) <= 300
    path = tmp_path / "photos" / "cat" / "2.png"
    assert len(read(tmp_path / "photos", tmp_path / "out", rows={"where": f"picture != '{path}'"})) == 1


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "1.txt").write_text("x")
    with pytest.raises(GateRefused, match=r"no file matches .*photos/\*/\*"):
        read(tmp_path / "photos", tmp_path / "out")


def test_a_class_without_pictures_is_refused_by_its_folder(tmp_path):
    write(tmp_path / "photos" / "cat" / "1.png", 1)
    (tmp_path / "photos" / ".cache").mkdir()
    assert len(read(tmp_path / "photos", tmp_path / "out")) == 1
    (tmp_path / "photos" / "dog").mkdir()
    (tmp_path / "photos" / "dog" / "1.txt").write_text("x")
    with pytest.raises(GateRefused, match=r"^.*photos/dog has no pictures; add some, or remove the folder\.$"):
        read(tmp_path / "photos", tmp_path / "again")
