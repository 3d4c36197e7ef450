"""The first minute and the second day of three strangers' tables, through the command line and a port."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import yaml
from PIL import Image
from sklearn import datasets

from serving.client import Client
from tests.e2e.projects.project import Project
from tests.serving.support.running import RunningServer

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

RANDOM = np.random.default_rng(0)


def _cancer() -> tuple[dict[str, Sequence], str]:
    """Text as the label, a patient's number, and a column that gives the label away."""
    data = datasets.load_breast_cancer()
    columns: dict[str, Sequence] = {"Patient No": list(range(1000, 1000 + len(data.target)))}
    columns |= {name: data.data[:, place].round(6) for place, name in enumerate(data.feature_names[:20])}
    columns["therapy"] = ["surgery" if target == 0 else "none" for target in data.target]
    columns["diagnosis: found"] = ["malignant" if target == 0 else "benign" for target in data.target]
    return columns, "diagnosis: found"


def _wine() -> tuple[dict[str, Sequence], str]:
    """Three classes, a German file, and dates."""
    data = datasets.load_wine()
    columns: dict[str, Sequence] = {name: data.data[:, place] for place, name in enumerate(data.feature_names)}
    columns["Abfüllung am"] = [f"2024-{1 + row % 12:02}-{1 + row % 28:02}" for row in range(len(data.target))]
    columns["Sorte"] = [["Barolo", "Grignolino", "Barbera"][target] for target in data.target]
    return columns, "Sorte"


def _ride_prices() -> tuple[dict[str, Sequence], str]:
    """Amounts, a category, missing values, and lists."""
    rows = 1500
    miles = RANDOM.gamma(2, 3, rows).round(2)
    kind = RANDOM.choice(["pool", "own", "black"], rows, p=[0.5, 0.4, 0.1])
    extras = [";".join(RANDOM.permutation(["seat", "dog", "ski", "bag"])[: RANDOM.integers(0, 4)]) for _ in range(rows)]
    factor = np.select([kind == "pool", kind == "own"], [1.0, 1.6], 3.1)
    price = 4 + factor * 2.2 * miles + np.array([len(each) for each in extras]) * 0.3 + RANDOM.normal(0, 1.5, rows)
    known = [None if RANDOM.random() < 0.1 else value for value in miles]
    return {"miles": known, "ride kind": kind, "extras": extras, "price": price.round(2)}, "price"


WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TABLES = {"cancer": (_cancer, ","), "wine": (_wine, ";"), "rides": (_ride_prices, ",")}


def _write(project: Project, name: str, columns: Mapping[str, Sequence], delimiter: str) -> None:
    path = project.folder / "data" / name / "table.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="cp1252") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


@pytest.mark.parametrize("name", TABLES)
def test_from_a_strangers_table_to_an_answer_and_a_second_day(project, name):
    make, delimiter = TABLES[name]
    columns, label = make()
    _write(project, name, columns, delimiter)
    outcome = project.command("pipeline", "init", "--data", f"data/{name}", "--label", label)
    assert outcome.code == 0, outcome.err
    if name == "cancer":
        assert "left out: an identifier" in outcome.out
        assert "left out: gives the label away" in outcome.out
    outcome = project.run("--config", f"configs/{name}.yaml")
    assert outcome.code == 0, outcome.out + outcome.err

    features = yaml.safe_load((project.folder / "configs" / f"{name}.yaml").read_text(encoding="utf-8"))["features"]
    rows = [{key: _plain(columns[key][row]) for key in features} for row in (0, 1, 2)]
    said = _answer(project, name, rows)
    [output] = {"cancer": ["probability"], "wine": ["probabilities"], "rides": ["prediction"]}[name]
    assert np.isfinite(np.asarray(said[output], dtype=float)).all()

    unchanged = project.command("pipeline", "init", "--update", "--name", name)
    assert "nothing would change" in unchanged.out, unchanged.out + unchanged.err
    second = {**columns, "weather": [["sun", "rain"][row % 2] for row in range(len(columns[label]))]}
    if name == "rides":
        second["ride kind"] = ["bike" if row % 8 == 0 else kind for row, kind in enumerate(columns["ride kind"])]
    _write(project, name, second, delimiter)
    shown = project.command("pipeline", "init", "--update", "--name", name)
    assert "weather" in shown.out
    refused = project.run("--config", f"configs/{name}.yaml", "--to", "DataGate")
    assert refused.code == 3, refused.out + refused.err
    changed = project.command("pipeline", "init", "--update", "--name", name, "--force")
    assert changed.code == 0, changed.err
    accepted = project.run("--config", f"configs/{name}.yaml", "--to", "DataGate")
    assert accepted.code == 0, accepted.out + accepted.err


def _digits(project: Project) -> Sequence[bytes]:
    """Handwritten digits, in a folder for each of ten words; returns one picture of each."""
    digits = datasets.load_digits()
    for row, (pixels, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = project.folder / "digits" / WORDS[digit] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype(np.uint8)).save(path)
    return [(project.folder / "digits" / word / f"{row}.png").read_bytes() for row, word in enumerate(WORDS)]


def test_from_pictures_by_class_to_an_answer_about_a_picture(project):
    pictures = _digits(project)
    outcome = project.command("pipeline", "init", "--data", "digits", "--label", "word", "--name", "words")
    assert outcome.code == 0, outcome.err
    outcome = project.run("--config", "configs/words.yaml")
    assert outcome.code == 0, outcome.out + outcome.err
    said = _answer(project, "words", [{"picture": picture} for picture in pictures])
    found = [sorted(WORDS)[place] for place in said["probabilities"].argmax(axis=1)]
    assert sum(word == wanted for word, wanted in zip(found, WORDS, strict=True)) >= 8

    cached = project.run("--config", "configs/words.yaml", "--to", "StatisticsGen")
    assert cached.nodes()["ExampleGen"] == "="
    # A mistake in the labels is put right.
    (project.folder / "digits" / "zero" / "0.png").rename(project.folder / "digits" / "nine" / "0.png")
    changed = project.run("--config", "configs/words.yaml", "--to", "StatisticsGen")
    assert changed.nodes()["ExampleGen"] == "✓"


def test_from_a_table_that_names_pictures_to_an_answer(project):
    pictures = _digits(project)
    paths = sorted((project.folder / "digits").glob("*/*.png"))
    columns = {
        "scan": [str(path) for path in paths],
        "pen": [["blue", "black"][row % 2] for row in range(len(paths))],
        "even": [WORDS.index(path.parent.name) % 2 == 0 for path in paths],
    }
    _write(project, "scans", columns, ",")
    outcome = project.command("pipeline", "init", "--data", "data/scans", "--label", "even")
    assert outcome.code == 0, outcome.err
    outcome = project.run("--config", "configs/scans.yaml")
    assert outcome.code == 0, outcome.out + outcome.err
    said = _answer(project, "scans", [{"scan": picture, "pen": "blue"} for picture in pictures])
    assert np.isfinite(np.asarray(said["probability"], dtype=float)).all()


def _answer(project: Project, name: str, rows: Sequence[Mapping]) -> Mapping:
    folder = project.folder / "runs" / name / "serving" / name
    with (
        RunningServer("--model_name", name, "--model_base_path", folder, log=project.folder / "server.log") as server,
        Client(server.target) as client,
    ):
        return client.predict(name, rows)


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value
