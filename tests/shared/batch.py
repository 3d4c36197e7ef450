"""Batch inference as a person asks for it: a served model, files with rows, and the command."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from pipeline import cli
from tests.shared.models.small_model import serialize

Rows = Sequence[Mapping[str, object]]


class Served:
    """A model in the serving folder of the taxi pipeline, below a folder of its own.

    Args:
        saved_model: the model, which becomes version 1.
        folder: gets all files.
    """

    def __init__(self, saved_model: Path, folder: Path):
        self.runs = folder / "runs"
        self.base_path = self.runs / "taxi" / "serving" / "taxi"
        shutil.copytree(saved_model, self.base_path / "1")

    def predict(self, source: Path | str, output: Path, *flags: str) -> int:
        """Run the command and return its exit code."""
        words = ["--input", str(source), "--output", str(output), "--set", f"runs={self.runs}", *flags]
        return cli.main(["predict-batch", *words])


def write(rows: Rows, path: Path) -> Path:
    """Write rows in the format of the file's ending; a row may lack a value, and no column may lack all of them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    if path.suffix == ".csv":
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=200)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as stream:
            stream.write_table(table, 150)
    else:
        with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as stream:
            for row in rows:
                stream.write(serialize({name: value for name, value in row.items() if value is not None}))
    return path


def errors(output: Path) -> list[tuple[int, str]]:
    """The number of each bad row, and its reason."""
    lines = (output / "_errors.jsonl").read_text().splitlines()
    return [(found["row"], found["reason"]) for found in map(json.loads, lines)]
