"""What more columns cost: ``init``, and the run of what it writes, of tables of as many numbers as words.

A line for each command has its wall and CPU seconds, the peak of the memory of all its processes, and for a run the
seconds of each node. The last line is the run of the widest table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bench.measure import measure

_ROOT = Path(__file__).resolve().parents[1]
_INIT, _RUN = ((5_000, 200), (1_000, 5_000)), ((200, 5_000), (1_000, 5_000))
_VALUES, _MISSING = 30, 0.05
_LIMIT_SECONDS = 3600


def write(file: Path, *, columns: int, rows: int) -> None:
    """Write a CSV table of numbers, words of 30 values and a label that depends on one of each; 5 % is missing."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(rows, columns // 2))
    places = random.integers(0, _VALUES, size=(rows, columns - columns // 2))
    label = (numbers[:, 0] + places[:, 0] % 2 > 0.5).astype(int)
    missing = random.random((rows, columns)) < _MISSING
    names = [*(f"n{index}" for index in range(numbers.shape[1])), *(f"w{index}" for index in range(places.shape[1]))]
    with file.open("w") as stream:
        print("label", *names, sep=",", file=stream)
        for row in range(rows):
            cells = [*(f"{number:.6g}" for number in numbers[row]), *(f"word {place}" for place in places[row])]
            shown = ["" if gone else cell for cell, gone in zip(cells, missing[row], strict=True)]
            print(label[row], *shown, sep=",", file=stream)


def cost(folder: Path, *arguments: str) -> dict[str, float]:
    """What a command of the pipeline costs, in a folder of its own."""
    found = measure(
        [sys.executable, "-m", "pipeline", *arguments],
        log=folder / "log.txt",
        limit_seconds=_LIMIT_SECONDS,
        folder=folder,
        environment={"PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return {name: value for name, value in asdict(found).items() if name != "idle_mb"}


def nodes(folder: Path) -> dict[str, float]:
    """The seconds of each node of the last run."""
    command = [sys.executable, "-m", "pipeline", "status", "--config", "configs/wide.yaml", "--json"]
    environment = {"PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return {node["node"]: node["seconds"] for node in json.loads(done.stdout)["last"]["nodes"]}


def main() -> None:
    """Print a line for each table and command."""
    parser = argparse.ArgumentParser(prog="python -m bench.wide", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--columns", type=int, help="only this many columns")
    parser.add_argument("--rows", type=int, default=5_000)
    options = parser.parse_args()
    only = [(options.columns, options.rows)] if options.columns else None
    for columns, rows in only or dict.fromkeys([*_INIT, *_RUN]):
        with tempfile.TemporaryDirectory() as path:
            folder = Path(path)
            (folder / "data").mkdir()
            shutil.copytree(_ROOT / "configs" / "profiles", folder / "configs" / "profiles")
            write(folder / "data" / "wide.csv", columns=columns, rows=rows)
            size = {"columns": columns, "rows": rows}
            init = cost(folder, "init", "--data", "data/wide.csv", "--label", "label")
            print(json.dumps({"what": "init", **size, **init}), flush=True)
            if only or (columns, rows) in _RUN:
                run = cost(folder, "run", "--config", "configs/wide.yaml")
                print(json.dumps({"what": "run", **size, **run, "nodes": nodes(folder)}), flush=True)


if __name__ == "__main__":
    main()
