"""Small tables, and the command on them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline import cli
from pipeline.checks import checks
from pipeline.checks.columns import check_data
from pipeline.config import loading
from pipeline.config.config import Config

ROWS = 240


def people(rows: int = ROWS, seed: int = 0) -> dict[str, list]:
    """A number, a small integer, a category, and a label that follows from them with some noise."""
    random = np.random.default_rng(seed)
    x, k = random.normal(size=rows).round(4), random.integers(0, 5, rows)
    colours = random.choice(["red", "green", "blue"], rows)
    y = (x + 0.4 * k + (colours == "red") + random.normal(0, 0.7, rows) > 1).astype(int)
    return {"x": x.tolist(), "k": k.tolist(), "c": colours.tolist(), "y": y.tolist()}


def write_csv(path: Path, columns: Mapping[str, Sequence], *, delimiter: str = ",", **options: str) -> Path:
    """Columns as a CSV file; None is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", **options) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


@dataclass(frozen=True)
class Outcome:
    """What the command printed, and its exit code."""

    code: int
    out: str
    err: str

    def refusal(self) -> str:
        """The one line of a refusal."""
        assert self.code == 2, self.out + self.err
        [line] = self.err.splitlines()
        assert len(line) <= 300
        return line


class Project:
    """A folder in which the command runs."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]):
        self.folder, self._capfd = folder, capfd

    def init(self, *words: str) -> Outcome:
        """``python -m pipeline init`` with these words."""
        self._capfd.readouterr()
        code = cli.main(["init", *words])
        out, err = self._capfd.readouterr()
        return Outcome(code, out, err)

    def config(self, data: Path, *words: str, label: str = "y") -> Config:
        """The config that is written for data, once it has passed every check that needs no TensorFlow."""
        outcome = self.init("--data", str(data), "--label", label, "--name", "mine", *words)
        assert outcome.code == 0, outcome.err
        return self.written()

    def written(self) -> Config:
        """The config as its loader reads it, checked against the schema and the data."""
        config = loading.load(config=self.folder / "configs" / "mine.yaml", profile=None)
        checks.check_without_data(config)
        check_data(config)
        return config

    @property
    def text(self) -> str:
        """The config's text."""
        return (self.folder / "configs" / "mine.yaml").read_text(encoding="utf-8")

    @property
    def schema(self) -> str:
        """The schema's text."""
        return (self.folder / "schema" / "mine" / "schema.pbtxt").read_text(encoding="utf-8")


def kinds(config: Config) -> dict[str, list[str]]:
    """The kinds of each feature."""
    assert config.features
    return {name: [options.kind for options in several] for name, several in config.features.root.items()}
