"""A pipeline on 900 rows, whose runs are mostly start-up: for tests that need many of them."""

from __future__ import annotations

import csv
import random
import subprocess
from pathlib import Path

from serving.versions import version_folders
from tests.e2e.projects.project import Outcome, Project

CONFIG = """\
name: small
data: {path: data/small}
label: {column: y}
features: {x: number, town: {kind: category, top_k: 5}}
trainer: {loop: {global_batch_size: 64, epochs: 2, optimizer: {learning_rate: 0.01}}}
gates: {evaluation: {thresholds: [{metric: accuracy, min: 0.6, max_drop: 0.3}]}}
serving: {model_name: small}
"""
_WORDS = ("--config", "configs/small.yaml")


class SmallProject(Project):
    """A copy of the project with this pipeline."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        (folder / "configs" / "small.yaml").write_text(CONFIG)
        write_rows(folder / "data" / "small" / "rows.csv")

    @property
    def run_folder(self) -> Path:
        return self.folder / "runs" / "small"

    @property
    def serving_folder(self) -> Path:
        return self.run_folder / "serving" / "small"

    def start(self, *words: str) -> subprocess.Popen:
        return super().start(*_WORDS, *words)

    def run(self, *words: str, offline: bool = False) -> Outcome:
        return super().run(*_WORDS, *words, offline=offline)

    def other(self, command: str, *words: str) -> Outcome:
        """Another command of ``python -m pipeline``."""
        return self.command("pipeline", command, *_WORDS, *words)

    def versions(self) -> list[int]:
        folder = self.serving_folder
        return sorted(version_folders.find(folder)) if folder.is_dir() else []


def write_rows(path: Path, *, count: int = 900) -> None:
    random_ = random.Random(1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["x", "town", "y"])
        for _ in range(count):
            x, town = random_.gauss(0, 1), random_.choice(("Ulm", "Bonn", "Jena"))
            rows.writerow([f"{x:.3f}", town, int(x + (town == "Ulm") + random_.gauss(0, 0.3) > 0.3)])
