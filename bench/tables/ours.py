"""``init`` and a training on a split, with nothing done by hand."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.tables.catalog import Table
from bench.tables.nodes import ROOT, pipeline
from bench.tables.peers import error

# The served output by task.
_OUTPUTS = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run reached.

    Attributes:
        error: as `bench.tables.peers.error`, of the served answers.
        cpu: CPU seconds of the Trainer, decoding, compilation and export included.
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
    (folder / "configs" / "profiles").symlink_to(ROOT / "configs" / "profiles")
    start = time.perf_counter()
    data = str(folder / "train.csv")
    pipeline(folder, "init", "--data", data, "--label", table.label, "--task", table.task, "--name", "table")
    config = folder / "configs" / "table.yaml"
    _allow_missing_values(folder / "schema" / "table" / "schema.pbtxt")
    splits = json.dumps({"by": "files", "train": "train.csv", "eval": "eval.csv"})
    # An eval row may be an outlier to what `init` saw, which a person would have to allow.
    with (folder / "train.csv").open(newline="") as file:
        names = next(csv.reader(file))
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
        "--set",
        f"gates.data.allow={json.dumps(names)}",
        # The peers are trained elsewhere.
        "--set",
        "gates.evaluation.reference=null",
    ]
    nodes = pipeline(folder, *words, "--to", "Trainer")
    seconds = time.perf_counter() - start
    features = load(config=config, profile="local").features
    if features is None:
        raise SystemExit(f"{config}: init wrote no features.")
    return Outcome(
        error=_error(folder / "runs" / "table" / "artifacts", table),
        cpu=nodes["Trainer"].cpu,
        seconds=seconds,
        columns=tuple(sorted({source for column in features.columns() for source in column.sources})),
    )


def _allow_missing_values(file: Path) -> None:
    """Change the schema so that a column which is complete in ``train.csv`` need not be in ``eval.csv``."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema = text_format.Parse(file.read_text(), schema_pb2.Schema())
    for feature in schema.feature:
        feature.ClearField("shape")
        feature.ClearField("presence")
    file.write_text(text_format.MessageToString(schema))


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
