"""Time of one row through the export, against the same network behind TFT's layer, the stock way.

Ours imports the transform graph of all columns of a kind inline and prunes it; the peer calls the graph with analyzers
for every column as a function. Both are loaded by the v1 Session loader, which TF Serving uses, and asked in turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import trainer  # noqa: F401 (pins Keras 3)
from bench import report
from bench.forms import by_column, tables
from bench.forms.transform import run
from serving.inference.engine import SavedModel

_ROOT = Path(__file__).resolve().parents[1]
_COLUMNS = 70
_VOCABULARIES = (1_000, 1_000_000)


def exported(table: tables.Table, folder: Path) -> dict[str, Path]:
    """Export one network, with the weights that it begins with, behind both forms of Transform."""
    import keras
    import tensorflow as tf

    from trainer import models
    from trainer.export import archive, saved_model
    from trainer.features.transformed import TransformedFeatures
    from trainer.models.heads import head_of

    outputs = {}
    for form in ("by kind", "by column"):
        (folder / form).mkdir(parents=True)
        outputs[form] = run(table, form, folder / form)
    ours, stock = outputs.values()
    head = head_of(table.parameters.label)
    columns = table.parameters.resolved_features(ours.raw_feature_spec())
    features = TransformedFeatures.read(columns, ours)
    keras.utils.set_random_seed(0)
    model = models.build(table.parameters.model, features=features, units=head.units)
    paths = {"ours": folder / "ours", "stock": folder / "stock"}
    saved_model.export(
        model=model, transform_output=ours, label=table.parameters.label, features=columns, path=str(paths["ours"])
    )
    spec = {name: each for name, each in stock.raw_feature_spec().items() if name in columns.names()}
    layer = stock.transform_features_layer()
    widths = {"ids": features.ids["ids"].width, "numbers": features.numbers["numbers"]}

    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        transformed = by_column.joined(layer(tf.io.parse_example(examples, spec)), **widths)
        return {head.output: head.predictions(models.apply(model, transformed, training=False))}

    signature = [tf.TensorSpec([None], tf.string, name="examples")]
    archive.write(str(paths["stock"]), {"serving_default": (serve, signature)}, resources=layer)
    return paths


def timed(paths: Mapping[str, Path], record: bytes, *, repeats: int, calls: int) -> dict[str, list[float]]:
    """Microseconds of a request of one row to each export, in turns."""
    loaded = {name: SavedModel(str(path)) for name, path in paths.items()}
    request = {"examples": np.array([record], object)}
    micros: dict[str, list[float]] = {name: [] for name in paths}
    for repeat in range(repeats + 1):
        for name, model in loaded.items():
            signature = model.signatures["serving_default"]
            start = time.perf_counter()
            for _ in range(calls):
                model.run(signature, request)
            # The first turn warms up.
            if repeat:
                micros[name].append((time.perf_counter() - start) / calls * 1e6)
        print("  ".join(f"{name} {each[-1]:.0f} us" for name, each in micros.items() if each), file=sys.stderr)
    return micros


def by_vocabulary(folder: Path, *, repeats: int, calls: int) -> str:
    """A line that compares a network of a million ids with one of a thousand."""
    from trainer.features.columns import Features

    table = tables.wide(folder, columns=10, rows=500)
    paths = {}
    for size in _VOCABULARIES:
        kinds = {f"n{index}": "number" for index in range(5)} | {
            f"w{index}": {"kind": "category", "hash": size} for index in range(5)
        }
        parameters = table.parameters.model_copy(update={"features": Features.model_validate(kinds)})
        paths[str(size)] = exported(replace(table, parameters=parameters), folder / str(size))["ours"]
    few, many = timed(paths, table.a_record(), repeats=repeats, calls=calls).values()
    return report.line(
        "one row, five columns of a million ids", ours=many, peer=few, unit="us", peer_name="of a thousand ids"
    )


def main() -> None:
    """Print a line for 70 columns, one for the size of the vocabulary and, as the headline, one for taxi."""
    parser = argparse.ArgumentParser(prog="python -m bench.export", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--calls", type=int, default=2000, help="requests a repeat")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder, "runs")
        command = [sys.executable, "-m", "pipeline", "run", "--set", f"runs={runs}", "--to", "ExampleGen"]
        subprocess.run(command, cwd=_ROOT, check=True, stdout=sys.stderr)
        made = {
            f"{_COLUMNS} columns": tables.wide(Path(folder), columns=_COLUMNS, rows=2_900),
            "taxi": tables.taxi(runs),
        }
        lines = []
        for name, table in made.items():
            paths = exported(table, Path(folder, name))
            times = timed(paths, table.a_record(), repeats=options.repeats, calls=options.calls)
            lines.append(
                report.line(
                    f"one row through serving_default, {name}",
                    ours=times["ours"],
                    peer=times["stock"],
                    unit="us",
                    peer_name="the same network behind tft_layer",
                    difference_us=round(statistics.median(times["ours"]) - statistics.median(times["stock"]), 1),
                )
            )
            print(lines[-1], flush=True)
        print(by_vocabulary(Path(folder), repeats=options.repeats, calls=options.calls), flush=True)
    print(lines[-1])


if __name__ == "__main__":
    main()
