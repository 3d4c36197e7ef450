"""What the checks cost: their CPU seconds inside a whole run, and its share.

Counted is what TFX's own components do not look at. The run has other trips than the one before it, so that every node
works, and earlier data to compare with. The checks are timed in the run itself. What InfraValidator
asks in another process is asked again here.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import inspect
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from bench import report

_ROOT = Path(__file__).resolve().parents[1]
_TRIPS = _ROOT / "data" / "taxi" / "trips.csv"
_SIZES = {"taxi": 15_002, "150k": 150_000, "1.5M": 1_500_000}
# The functions of each check, as MODULE:NAME.
_CHECKS = {
    "rows that repeat others": ("components.example_gen.rows.distinct:DistinctRows.add",),
    "drift": (
        "components.gates.data.data_gate:_current",
        "components.gates.data.data_gate:served_data",
        "components.gates.data.data_gate:drift_findings",
        "components.gates.data.data_gate:skew_findings",
    ),
    "leaks": ("components.gates.data.data_gate:leak_findings",),
    "predictions": ("components.evaluator.predictions:SummarizePredictions.add_input",),
    "the trained model's answers to unusual rows": ("components.gates.infra_validator:judge",),
    "digests of artifacts": ("pipeline.running.artifact_files:manifest", "pipeline.running.artifact_files:damage"),
    "digests of the export": ("components.gates.judged:record",),
}
# What a network reaches on other rows is no matter here.
_LIMITS = "gates.evaluation.thresholds=[{metric: auc, min: 0.5}]"
# As InfraValidator by default.
_EXAMPLES = 64
_UNUSUAL = "the export's answers to unusual rows"


def write_trips(folder: Path, rows: int) -> None:
    """The trips, again and again until there are so many rows, all of them different, and none as in ``data/taxi``."""
    trips = pd.read_csv(_TRIPS)
    many = pd.concat([trips] * -(-rows // len(trips)), ignore_index=True).head(rows)
    folder.mkdir()
    many.assign(trip_start_timestamp=many.trip_start_timestamp + 1 + many.index).to_csv(
        folder / "trips.csv", index=False
    )


def run_timed(words: list[str], result: Path) -> int:
    """``python -m pipeline`` with a clock around every check; writes the CPU seconds of each to ``result``."""
    seconds: Counter[str] = Counter()
    for check, names in _CHECKS.items():
        for name in names:
            _time(name, seconds.update, check)
    from pipeline.cli import main

    code = main(words)
    result.write_text(json.dumps(seconds))
    return code


def _time(name: str, add: Callable[[dict[str, float]], None], check: str) -> None:
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, last = path.split(".")
    owner = functools.reduce(getattr, parents, owner)
    function = getattr(owner, last)

    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        found = function(*args, **kwargs)
        if inspect.isgenerator(found):
            found = list(found)
        add({check: time.process_time() - start})
        return found

    setattr(owner, last, timed)


def run(folder: Path, *words: str, result: Path | None = None) -> float:
    """CPU seconds of a run with its folder below ``folder``; a failure ends the benchmark."""
    program = ["bench.gates", "--timed", str(result)] if result else ["pipeline"]
    command = [sys.executable, "-m", *program, "run", "--set", f"runs={folder}", "--set", _LIMITS, *words]
    before = _children()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "NO_GCE_CHECK": "true"}
    done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        )
    return _children() - before


def unusual_rows(run_folder: Path) -> float:
    """CPU seconds of the export's answers to unusual rows."""
    from components.example_gen.shards import read_records
    from components.gates.infra_validator import REQUESTED
    from serving.client.steps import COLUMNAR
    from serving.inference import unusual_rows
    from serving.inference.engine import SavedModel

    [export] = sorted(run_folder.glob("artifacts/Trainer/model/*/Format-Serving"), key=os.path.getmtime)[-1:]
    [examples] = sorted(run_folder.glob("artifacts/ExampleGen/examples/*"), key=os.path.getmtime)[-1:]
    records = read_records(str(examples / "Split-eval"), limit=_EXAMPLES)
    model = SavedModel(str(export))
    start = time.process_time()
    unusual_rows.ask(model, records, columns=list(model.signatures[COLUMNAR].inputs), signatures=REQUESTED)
    return time.process_time() - start


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(rows: int) -> tuple[dict[str, float], float]:
    """CPU seconds of each check, and of the run that they are a part of."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_trips(folder / "data", rows)
        run(folder / "runs")
        total = run(folder / "runs", "--set", f"data.path={folder}/data", result=folder / "seconds.json")
        checks = json.loads((folder / "seconds.json").read_text())
        return {**checks, _UNUSUAL: unusual_rows(folder / "runs" / "taxi")}, total


def main() -> None:
    """Print a line for each size; the last is that of 1.5 million rows."""
    parser = argparse.ArgumentParser(prog="python -m bench.gates", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", choices=list(_SIZES), default=list(_SIZES))
    for size in parser.parse_args().sizes:
        checks, total = measured(_SIZES[size])
        added = sum(checks.values())
        text = f"the checks in a run of {size}, against the rest of the run"
        each = {check: round(seconds, 3) for check, seconds in checks.items()}
        line = report.line(text, ours=[added], peer=[total - added], unit="CPU s", rows=_SIZES[size], checks=each)
        print(line, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--timed"]:
        sys.exit(run_timed(sys.argv[3:], Path(sys.argv[2])))
    main()
