"""`init` and a run on one large table, generated with a seed: CPU seconds and peak of memory, node by node.

Its columns are what a business has: numbers, whole numbers, categories of two to tens of thousands of values, a time,
identifiers, and missing values; the label is binary.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from bench.tables.nodes import ROOT, pipeline

_ROWS = 340_000
_MOST_MB = 4_000
# Distinct values of the categories, and the share of the rows in which they are missing.
_CATEGORIES = {
    "channel": (2, 0.0),
    "plan": (4, 0.0),
    "colour": (8, 0.02),
    "branch": (15, 0.0),
    "region": (20, 0.1),
    "city": (500, 0.05),
    "product": (5_000, 0.0),
    "device": (40_000, 0.3),
}
# The share of the rows in which each measured number is missing.
_MEASURED = {"m0": 0.0, "m1": 0.0, "m2": 0.02, "m3": 0.05, "m4": 0.1, "m5": 0.2, "m6": 0.4, "m7": 0.7}


def make(rows: int) -> pa.Table:
    """The table: 30 columns, the label ``left`` among them."""
    random = np.random.default_rng(14)
    columns: dict[str, pa.Array] = {"order": pa.array(np.arange(rows) + 1)}
    score = np.full(rows, -2.5)
    for name, (values, missing) in _CATEGORIES.items():
        places = (values * random.random(rows) ** 3).astype(int)
        score += random.normal(scale=0.5, size=values)[places]
        columns[name] = pa.array(np.char.add(f"{name} ", places.astype(str)), mask=random.random(rows) < missing)
    for place, (name, missing) in enumerate(_MEASURED.items()):
        values = random.normal(size=rows)
        score += (0.4 * np.sin(2 * values)) if place % 2 else 0.3 * values
        columns[name] = pa.array(values.round(4), mask=random.random(rows) < missing)
    income, age = random.lognormal(10, 0.7, rows), random.integers(18, 90, rows)
    score += np.where((age < 30) & (income < 25_000), 1.5, 0)
    days = random.integers(0, 700, rows)
    columns |= {
        "customer_id": pa.array(random.integers(1, rows // 5 + 2, rows)),
        "ordered_at": pa.array((np.datetime64("2023-01-01") + days).astype(str)),
        "income": pa.array(income.round(2), mask=random.random(rows) < 0.08),
        "age": pa.array(age),
        "visits": pa.array(random.poisson(3, rows)),
        "children": pa.array(random.integers(0, 6, rows)),
        "stars": pa.array(random.integers(1, 6, rows), mask=random.random(rows) < 0.5),
        "hour": pa.array(random.integers(0, 24, rows)),
        "postal_code": pa.array(random.integers(10_000, 12_000, rows)),
        "discount": pa.array(np.where(random.random(rows) < 0.8, 0, random.random(rows).round(2))),
        "member": pa.array(random.random(rows) < 0.4),
        "country": pa.array(np.full(rows, "here")),
    }
    columns["left"] = pa.array(np.where(random.random(rows) < 1 / (1 + np.exp(-score)), "yes", "no"))
    return pa.table(columns)


def usage() -> Mapping[str, float]:
    """CPU seconds of all commands so far, and the largest memory of one process."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu_s": round(used.ru_utime + used.ru_stime, 1), "peak_mb": round(used.ru_maxrss * 1024 / 1e6)}


def main() -> None:
    """Print a line for ``init``, one for each node and, as the headline, one for the peak of memory."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.tables.large", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--rows", type=int, default=_ROWS)
    parser.add_argument("--folder", type=Path, help="where to keep table, config and run; else they are deleted")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        (folder / "configs").mkdir(parents=True)
        (folder / "configs" / "profiles").symlink_to(ROOT / "configs" / "profiles")
        table = make(options.rows)
        pa.csv.write_csv(table, folder / "large.csv")
        columns = table.num_columns
        del table
        pipeline(folder, "init", "--data", "large.csv", "--label", "left", "--name", "large")
        init = usage()
        print(json.dumps({"what": "large table: init", **init}), flush=True)
        for node, cost in pipeline(folder, "run", "--config", "configs/large.yaml").items():
            what = {"what": f"large table: {node}", "cpu_s": round(cost.cpu, 1), "peak_mb": round(cost.peak_mb)}
            print(json.dumps(what), flush=True)
        both = usage()
    print(
        json.dumps(
            {
                "what": f"large table: {options.rows:,} rows x {columns} columns, run: peak of memory over the goal",
                "ours": both["peak_mb"],
                "goal": _MOST_MB,
                "ratio": round(both["peak_mb"] / _MOST_MB, 4),
                "unit": "MB",
                "cpu_s": round(both["cpu_s"] - init["cpu_s"], 1),
            }
        )
    )


if __name__ == "__main__":
    main()
