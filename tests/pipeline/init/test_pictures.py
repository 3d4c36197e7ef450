"""Pictures that are files: in a folder for each class, or named by a column."""

import pytest

from tests.pipeline.init.tables import ROWS, kinds, people, write_csv
from tests.shared.models.pictures import write

pytestmark = pytest.mark.tensorflow


def test_pictures_by_class_are_read_where_they_are(project):
    for name, light in (("dark", 40), ("light", 200)):
        for number in range(20):
            write(project.folder / "photos" / name / f"{number}.png", light + number)
    config = project.config(project.folder / "photos", label="kind")
    assert config.label.values == ("dark", "light")
    assert config.features.root["picture"][0].shape == (8, 8, 1)
    assert config.trainer.model.name == "lenet"
    assert (config.data.format, config.data.path) == ("pictures", project.folder / "photos")
    assert "is the column of the pictures" in project.init("--data", "photos", "--label", "picture").refusal()
    assert "nothing would change" in project.init("--update", "--name", "mine").out
    (project.folder / "photos" / "dark" / "0.png").write_bytes(b"no picture")
    line = project.init("--data", "photos", "--label", "kind", "--name", "other").refusal()
    assert "'photos/dark/0.png', which is no picture" in line


def test_pictures_by_split_and_class(project):
    for split, rows in (("train", 20), ("test", 10)):
        for name, light in (("dark", 40), ("light", 200)):
            for number in range(rows):
                write(project.folder / "photos" / split / name / f"{number}.png", light + number)
    config = project.config(project.folder / "photos", label="kind")
    assert dict(config.data.patterns) == {"train": "train/*/*", "eval": "test/*/*"}
    assert config.label.values == ("dark", "light")


def test_a_column_that_names_picture_files_is_one_of_pictures(project):
    columns = people()
    columns["photo"] = [f"photos/{row}.JPG" for row in range(ROWS)]
    columns["page"] = [f"https://example.com/{row}.jpg" for row in range(ROWS)]
    columns["draft"] = [f"drafts/{row}.jpg" for row in range(ROWS)]
    for row, label in enumerate(columns["y"]):
        write(project.folder / "photos" / f"{row}.JPG", 100 * label + row % 50, form="JPEG")
    config = project.config(write_csv(project.folder / "d.csv", columns))
    assert config.data.pictures == ("photo",)
    assert kinds(config)["photo"] == ["image"]
    # The draft is of a file that does not exist, the page of one that no run could open.
    assert not {"draft", "page"} & {*kinds(config)}
    assert config.trainer.model.name == "dnn"
    (project.folder / "photos" / "100.JPG").unlink()
    line = project.init("--data", "d.csv", "--label", "y", "--name", "other").refusal()
    assert "d.csv, row 101 after the header: 'photo' is 'photos/100.JPG', which does not exist" in line
