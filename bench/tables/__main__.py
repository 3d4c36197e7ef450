"""Quality on real tables: `init` and a training, nothing by hand, against boosted trees and a linear model.

Per table and in the mean: the error (1 - AUC, 1 - accuracy or RMSE) over that of each peer on the same rows and
columns, and everyone's CPU seconds. Some tables chose the network's defaults; the headline is of the others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.tables import environment
from bench.tables.catalog import TABLES, Table
from bench.tables.means import means
from bench.tables.ours import run


def compare(table: Table, python: Path, *, seeds: Sequence[int]) -> dict[str, object]:
    """The errors and CPU seconds of a table, in the mean over splits."""
    found: dict[str, list[dict[str, float]]] = {}
    rows = columns = 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            environment.peers(python, "write", table.package, table.item, table.label, str(seed), str(folder))
            ours = run(table, folder)
            peers = environment.peers(python, "train", str(folder), table.label, table.task, *ours.columns)
            columns = len(ours.columns)
            rows = sum(1 for _ in (folder / "train.csv").open()) - 1
        everyone = {"ours": {"error": ours.error, "cpu": ours.cpu}, **json.loads(peers)}
        for who, each in everyone.items():
            found.setdefault(who, []).append(each)
        print(f"{table.item}, split {seed}: {json.dumps(everyone)}", file=sys.stderr)
    errors = {who: statistics.mean(each["error"] for each in runs) for who, runs in found.items()}
    return {
        "what": f"{table.item}: {table.label}",
        "task": table.task,
        "rows": rows,
        "columns": columns,
        "splits": len(seeds),
        "chose": table.chose,
        "error": {who: round(error, 5) for who, error in errors.items()},
        "ratio": {who: round(errors["ours"] / error, 4) for who, error in errors.items() if who != "ours"},
        "cpu_s": {who: round(statistics.mean(each["cpu"] for each in runs), 1) for who, runs in found.items()},
    }


def main() -> None:
    """Print a line per table, one for the tables that chose the defaults, and the headline for the others."""
    parser = argparse.ArgumentParser(prog="python -m bench.tables", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="ITEM", help="the items of some tables")
    options = parser.parse_args()
    chosen = [table for table in TABLES if not options.only or table.item in options.only]
    if not chosen:
        parser.error(f"--only: there is no such table; there are {', '.join(table.item for table in TABLES)}")
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        python = environment.make(Path(folder, "peers"))
        for table in chosen:
            lines.append(compare(table, python, seeds=range(options.splits)))
            print(json.dumps(lines[-1]), flush=True)
    for chose, what in ((True, "tables that chose the defaults"), (False, "the other tables")):
        some = [line for line in lines if line["chose"] is chose]
        if some:
            print(json.dumps({"what": what, **means(some)}))


if __name__ == "__main__":
    main()
