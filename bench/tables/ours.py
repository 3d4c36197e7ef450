"""``init`` and a training on a split, with nothing done by hand."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.tables.catalog import Table
from bench.tables.peers import error

_ROOT = Path(__file__).resolve().parents[2]
# The served output by task.
_OUTPUTS = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run reached.

    Attributes:
        error: as `bench.tables.peers.error`, of the served answers.
        cpu: CPU seconds of the command that trains and exports, imports and compilation included.
        seconds: wall seconds of ``init`` and the run up to the Trainer.
        columns: the columns that ``init`` kept.
    """

    error: float
    cpu: float
    seconds: float
    columns: tuple[str, ...]


def run(table: Table, folder: Path) -> Outcome:
    """Let ``init`` look at ``train.csv``, train with what it wrote, and ask the export about ``eval.csv``."""
    from pipeline.config.loading import load

    (folder / "configs").mkdir()
    (folder / "configs" / "profiles").symlink_to(_ROOT / "configs" / "profiles")
    start = time.perf_counter()
    data = str(folder / "train.csv")
    _pipeline(folder, "init", "--data", data, "--label", table.label, "--task", table.task, "--name", "table")
    config = folder / "configs" / "table.yaml"
    splits = json.dumps({"by": "files", "train": "train.csv", "eval": "eval.csv"})
    words = [
        "run",
        "--config",
        str(config),
        "--set",
        f"data.path={folder}",
        "--set",
        f"data.splits={splits}",
        "--set",
        "data.files=null",
        # The peers are trained elsewhere.
        "--set",
        "gates.evaluation.reference=null",
    ]
    _pipeline(folder, *words, "--to", "Transform")
    cpu = _pipeline(folder, *words, "--from", "Trainer", "--to", "Trainer")
    seconds = time.perf_counter() - start
    features = load(config=config, profile="local").features
    return Outcome(
        error=_error(folder / "runs" / "table" / "artifacts", table),
        cpu=cpu,
        seconds=seconds,
        columns=tuple(sorted({source for column in features.columns() for source in column.sources})),
    )


def _error(artifacts: Path, table: Table) -> float:
    """The error of the export's answers on the eval split."""
    from components.example_gen.shards import read_records
    from serving.inference.engine import SavedModel

    [export] = artifacts.glob("Trainer/model/*/Format-Serving")
    [split] = artifacts.glob("ExampleGen/examples/*/Split-eval")
    model = SavedModel(str(export))
    records = np.array(read_records(str(split)), object)
    labels = model.run(model.signatures["transform_features"], {"examples": records})["label"][:, 0]
    [predicted] = model.run(
        model.signatures["serving_default"], {"examples": records}, output_filter=[_OUTPUTS[table.task]]
    ).values()
    if table.task == "regression":
        predicted = predicted[:, 0]
    elif table.task == "binary":
        predicted = np.concatenate([1 - predicted, predicted], axis=1)
    return error(labels, predicted, table.task)


def _pipeline(folder: Path, *words: str) -> float:
    """Run a command of the pipeline in ``folder`` and return its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"python -m pipeline {' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
