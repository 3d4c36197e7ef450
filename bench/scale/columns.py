"""What more columns cost: ``init``, and each node of the run of what it writes, of 20 to 1,000 columns and 5,000 rows.

The tables hold as many numbers as words of 30 values; 5 % of the cells are empty. A line for each command has its wall
and CPU seconds, the peak of the memory of all its processes, and for a run the seconds of each node. The last line is
the headline: the CPU that a column adds to a run between the two widest tables, over what it adds between the two
narrowest. A ratio of 1 means that the cost is linear in the columns.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import measure
from bench.scale import report
from bench.scale.plan import ROOT

LINES = ROOT / "docs" / "columns.jsonl"
_BEGIN, _END = "<!-- figures: python -m bench.scale.columns --report -->", "<!-- end of the columns' figures -->"
_COLUMNS, _ROWS = (20, 200, 1_000), 5_000
_VALUES, _MISSING = 30, 0.05
_LIMIT_SECONDS = 3600
# Nodes that take less of the widest run are left out of the table.
_SECONDS = 1.0


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
        environment={"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return {name: value for name, value in asdict(found).items() if name != "idle_mb"}


def nodes(folder: Path) -> dict[str, float]:
    """The seconds of each node of the last run."""
    command = [sys.executable, "-m", "pipeline", "status", "--config", "configs/wide.yaml", "--json"]
    environment = {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return {node["node"]: node["seconds"] for node in json.loads(done.stdout)["last"]["nodes"]}


def measured(*, columns: int, rows: int) -> Iterator[dict[str, Any]]:
    """A line for ``init`` and one for the run, of a table of its own."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        (folder / "data").mkdir()
        shutil.copytree(ROOT / "configs" / "profiles", folder / "configs" / "profiles")
        write(folder / "data" / "wide.csv", columns=columns, rows=rows)
        size = {"columns": columns, "rows": rows}
        yield {"what": "init", **size, **cost(folder, "init", "--data", "data/wide.csv", "--label", "label")}
        run = cost(folder, "run", "--config", "configs/wide.yaml")
        yield {"what": "run", **size, **run, "nodes": nodes(folder)}


def headline(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """CPU milliseconds a column of the run: between the two widest tables over that between the two narrowest."""
    runs = sorted((line["columns"], line["cpu_s"]) for line in lines if line["what"] == "run")
    each = [
        1e3 * (cpu - before) / (columns - fewer)
        for (fewer, before), (columns, cpu) in zip(runs, runs[1:], strict=False)
    ]
    if len(each) < 2:
        return {"what": "columns: one table is measured, or two", "runs": runs}
    ours, peer = round(each[-1], 1), round(each[0], 1)
    between = f"between {runs[0][0]} and {runs[1][0]} columns"
    return {
        "what": "CPU a column",
        "ours": ours,
        "peer": peer,
        "unit": "ms",
        "ratio": ours / peer,
        "peer_name": between,
    }


def figures(lines: Sequence[dict[str, Any]]) -> str:
    """A table in Markdown: the commands and the nodes, with what a column adds between two tables."""
    by_what = {(line["what"], line["columns"]): line for line in lines if "wall_s" in line}
    sizes = sorted({columns for _, columns in by_what})
    steps = list(zip(sizes, sizes[1:], strict=False))
    titles = [*(f"{columns:,} columns" for columns in sizes), *(f"ms a column, {a:,} to {b:,}" for a, b in steps)]
    rows = [["", *titles], ["---"] * (len(titles) + 1)]
    seconds = {f"`{what}`, wall s": {size: by_what[what, size]["wall_s"] for size in sizes} for what in ("init", "run")}
    widest = by_what["run", sizes[-1]]["nodes"]
    for node in sorted(widest, key=lambda name: -widest[name]):
        if widest[node] >= _SECONDS:
            seconds[node] = {size: by_what["run", size]["nodes"].get(node, 0.0) for size in sizes}
    for what, of_size in seconds.items():
        added = (1e3 * (of_size[b] - of_size[a]) / (b - a) for a, b in steps)
        rows.append([what, *(f"{of_size[size]:.1f}" for size in sizes), *(f"{each:.0f}" for each in added)])
    for what in ("init", "run"):
        memory = (f"{by_what[what, size]['peak_mb']:,.0f}" for size in sizes)
        rows.append([f"`{what}`, MB", *memory, *[""] * len(steps)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def main() -> None:
    """Print a line for each table and command, the headline last; or renew the page's figures."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale.columns", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--columns", type=int, nargs="+", default=_COLUMNS)
    parser.add_argument("--rows", type=int, default=_ROWS)
    parser.add_argument(
        "--report", action="store_true", help=f"measure nothing; update docs/scale.md from {LINES.name}"
    )
    options = parser.parse_args()
    if options.report:
        lines = [json.loads(line) for line in LINES.read_text().splitlines()]
        page = report.PAGE.read_text()
        report.PAGE.write_text(report.with_figures(page, figures(lines), begin=_BEGIN, end=_END))
        return
    lines = []
    for columns in sorted(options.columns):
        for line in measured(columns=columns, rows=options.rows):
            lines.append(line)
            print(json.dumps(line), flush=True)
    print(json.dumps(headline(lines)))


if __name__ == "__main__":
    main()
