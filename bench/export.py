"""Time of one row through the export, against the same network behind TFT's layer, the stock way.

Ours imports the transform graph of all columns of a kind inline and prunes it; the peer calls the graph with analyzers
for every column as a function. Both are loaded by the v1 Session loader, which TF Serving uses, and asked in turns.
Other lines compare the size of the vocabularies, and the default network with wide_and_deep.
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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import trainer  # noqa: F401, I001 (pins Keras 3)
import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from bench import report
from bench.forms import by_column, tables
from bench.forms.transform import run
from serving.inference.engine import SavedModel
from trainer import models
from trainer.export import archive, saved_model
from trainer.features.columns import Features
from trainer.features.transformed import TransformedFeatures
from trainer.models.heads import head_of
from trainer.parameters import Model

_ROOT = Path(__file__).resolve().parents[1]
_COLUMNS = 70
_VOCABULARIES = (1_000, 1_000_000)
# As `init` writes them for more than a thousand rows.
_BINS = 48


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network with the weights that it begins with.

    Attributes:
        model: Keras' model.
        columns: the table's features.
        features: what Transform makes of them.
        transform_output: the graph of all columns of a kind.
    """

    model: Any
    columns: Features
    features: TransformedFeatures
    transform_output: tft.TFTransformOutput


def network_of(table: tables.Table, folder: Path) -> Network:
    """Transform a table, all columns of a kind together, and build its network."""
    folder.mkdir(parents=True)
    transform_output = run(table, "by kind", folder)
    columns = table.parameters.resolved_features(transform_output.raw_feature_spec())
    features = TransformedFeatures.read(columns, transform_output)
    keras.utils.set_random_seed(0)
    units = head_of(table.parameters.label).units
    model = models.build(table.parameters.model, features=features, units=units)
    return Network(model=model, columns=columns, features=features, transform_output=transform_output)


def ours(table: tables.Table, network: Network, path: Path) -> Path:
    """Export a network as the Trainer does."""
    saved_model.export(
        model=network.model,
        transform_output=network.transform_output,
        label=table.parameters.label,
        features=network.columns,
        path=str(path),
    )
    return path


def stock(table: tables.Table, network: Network, path: Path) -> Path:
    """Export a network behind TFT's layer, with analyzers for every column."""
    graph = path.with_name(f"{path.name}-graph")
    graph.mkdir()
    transform_output = run(table, "by column", graph)
    head = head_of(table.parameters.label)
    raw = transform_output.raw_feature_spec()
    spec = {name: each for name, each in raw.items() if name in network.columns.names()}
    layer = transform_output.transform_features_layer()
    widths = {"ids": network.features.ids["ids"].width, "numbers": network.features.numbers["numbers"]}

    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        transformed = by_column.joined(layer(tf.io.parse_example(examples, spec)), **widths)
        return {head.output: head.predictions(models.apply(network.model, transformed, training=False))}

    signature = [tf.TensorSpec([None], tf.string, name="examples")]
    archive.write(str(path), {"serving_default": (serve, signature)}, resources=layer)
    return path


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
    table = tables.wide(folder, columns=10, rows=500)
    paths = {}
    for size in _VOCABULARIES:
        kinds = {f"n{index}": "number" for index in range(5)} | {
            f"w{index}": {"kind": "category", "hash": size} for index in range(5)
        }
        parameters = table.parameters.model_copy(update={"features": Features.model_validate(kinds)})
        paths[str(size)] = _ours(replace(table, parameters=parameters), folder / str(size))
    few, many = timed(paths, table.a_record(), repeats=repeats, calls=calls).values()
    return report.line(
        "one row, five columns of a million ids", ours=many, peer=few, unit="us", peer_name="of a thousand ids"
    )


def by_network(name: str, table: tables.Table, folder: Path, *, repeats: int, calls: int) -> str:
    """A line that compares `tabm`, its numbers with bins as ``init`` writes them, with the table's own network."""
    features = table.parameters.features
    if features is None:
        raise ValueError(f"{name} has no features")
    binned_number = ({"kind": "number", "bins": _BINS},)
    kinds = {
        column: binned_number if several[0].kind == "number" else several for column, several in features.root.items()
    }
    binned = table.parameters.model_copy(
        update={"features": Features.model_validate(kinds), "model": Model(name="tabm")}
    )
    paths = {
        "tabm": _ours(replace(table, parameters=binned), folder / "tabm"),
        table.parameters.model.name: _ours(table, folder / "own"),
    }
    tabm, own = timed(paths, table.a_record(), repeats=repeats, calls=calls).values()
    return report.line(
        f"one row through tabm, {name}", ours=tabm, peer=own, unit="us", peer_name=table.parameters.model.name
    )


def _ours(table: tables.Table, folder: Path) -> Path:
    return ours(table, network_of(table, folder), folder / "ours")


def main() -> None:
    """Print lines for 70 columns, vocabularies and networks, and, as the headline, one for taxi."""
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
            network = network_of(table, Path(folder, name))
            paths = {form.__name__: form(table, network, Path(folder, name, form.__name__)) for form in (ours, stock)}
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
            networks = Path(folder, f"{name}, networks")
            print(by_network(name, table, networks, repeats=options.repeats, calls=options.calls), flush=True)
        print(by_vocabulary(Path(folder), repeats=options.repeats, calls=options.calls), flush=True)
    print(lines[-1])


if __name__ == "__main__":
    main()
