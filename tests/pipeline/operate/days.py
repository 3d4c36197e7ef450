"""A small pipeline after four runs, which the tests of the commands share.

Run 1 pushes a model of the first day, run 2 another one of the same data, trained longer. Run 3 reads the second day,
which has drifted, and is refused, and so is run 4: the first tells a webhook, the other one finds none.
"""

import contextlib
import csv
import io
import random
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from pipeline import cli
from tests.e2e.projects.project import Outcome, Project

CONFIG = """\
name: days
data: {path: data/days, files: "day-{SPAN}.csv"}
schema: schema/days.pbtxt
label: {column: y}
features: {x: number, town: category}
trainer: {loop: {global_batch_size: 64, epochs: 5, optimizer: {learning_rate: 0.01}}}
gates: {evaluation: {thresholds: [{metric: accuracy, min: 0.6}]}}
serving: {model_name: days}
"""
SCHEMA = """\
# Curated by hand.
feature {
  name: "x"  # metres
  type: FLOAT
  float_domain { min: -9 max: 30 }
  drift_comparator { jensen_shannon_divergence { threshold: 0.3 } }
}
feature { name: "town" type: BYTES domain: "towns" distribution_constraints { min_domain_mass: 0.5 } }
feature { name: "y" type: INT }  # the label

string_domain { name: "towns" value: "Bonn" value: "Ulm" }  # where we are
"""
WORDS = ("--config", "configs/days.yaml")
LONGER = ("--set", "trainer.loop.epochs=6")
TOLD = ("--set", "notify.webhook=${DAYS_WEBHOOK}/hook?secret=hush")
NOT_TOLD = ("--set", "notify.webhook=http://127.0.0.1:1/hook?secret=hush")
CODES = (0, 0, 3, 3)


@dataclass(frozen=True)
class Days:
    """The pipeline.

    Attributes:
        folder: the project's.
        runs: the folder with its run folder.
        said: what each run printed.
        told: the bodies that the webhook got.
    """

    folder: Path
    runs: Path
    said: str
    told: tuple[bytes, ...]

    @property
    def run_folder(self) -> Path:
        return self.runs / "days"

    @property
    def serving(self) -> Path:
        return self.run_folder / "serving" / "days"

    def command(self, name: str, *words: str) -> Outcome:
        """A command, in this process and in the project's folder."""
        out, err = io.StringIO(), io.StringIO()
        config = ["--config", str(self.folder / "configs" / "days.yaml"), "--set", f"runs={self.runs}"]
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main([name, *words, *config])
        return Outcome(code, out.getvalue(), err.getvalue())

    def copied(self, to: Path) -> "Days":
        """A copy that commands may change; ML Metadata holds absolute paths."""

        shutil.copytree(self.folder / "schema", to / "schema")
        for part in ("configs", "data/days"):
            shutil.copytree(self.folder / part, to / part)
        shutil.copytree(self.runs, to / "runs")
        with contextlib.closing(sqlite3.connect(to / "runs" / "days" / "metadata.sqlite")) as store, store:
            for table, column in (
                ("Artifact", "uri"),
                ("ArtifactProperty", "string_value"),
                ("ExecutionProperty", "string_value"),
            ):
                store.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(self.runs), str(to / "runs"))
                )
        return Days(to, to / "runs", self.said, self.told)


def make_runs(project: Project) -> str:
    """Make the runs; returns what they printed."""
    (project.folder / "configs" / "days.yaml").write_text(CONFIG)
    (project.folder / "schema" / "days.pbtxt").write_text(SCHEMA)
    write_day(project.folder, 1, shift=0.0, towns=("Bonn", "Ulm"))
    outcomes = [project.run(*WORDS), project.run(*WORDS, *LONGER)]
    write_day(project.folder, 2, shift=20.0, towns=("Bonn", "Ulm", "Trier"))
    outcomes += [project.run(*WORDS, *words) for words in (TOLD, NOT_TOLD)]
    said = "".join(outcome.out + outcome.err for outcome in outcomes)
    assert tuple(outcome.code for outcome in outcomes) == CODES, said
    return said


def write_day(folder: Path, day: int, *, shift: float, towns: tuple[str, ...]) -> None:
    """One day's rows."""
    random_ = random.Random(day)
    path = folder / "data" / "days" / f"day-{day}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["x", "town", "y"])
        for _ in range(600):
            x, town = random_.gauss(0, 1), random_.choice(towns)
            rows.writerow([f"{x + shift:.3f}", town, int(x + (town == "Ulm") + random_.gauss(0, 0.3) > 0.3)])
