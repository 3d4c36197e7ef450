"""CPU seconds and memory of Transform: all columns of a kind at once, against one or two analyzers for every column.

Both forms run in fresh processes, in turns, on the same examples with the same options of Beam, imports included. The
widest table is transformed by kind only: by column it would need some 28 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from bench import report

_ROOT = Path(__file__).resolve().parents[1]
_TABLES = {"taxi": None, "73 x 2,900": (73, 2_900), "200 x 5,000": (200, 5_000)}
_WIDEST = ("1,000 x 5,000", (1_000, 5_000))
_HEADLINE = "200 x 5,000"


def measured(form: str, shape: tuple[int, int] | None, runs: Path) -> dict[str, float]:
    """CPU seconds and peak memory in GB of a process that transforms a table."""
    size = [str(number) for number in shape or ()]
    done = subprocess.run(
        [sys.executable, "-m", "bench.transform", "--one", form, str(runs), *size],
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"Transform {form} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def transform(form: str, runs: Path, size: list[int]) -> None:
    """Transform one table and print what it took beyond imports and the making of the table."""
    from bench.forms import tables
    from bench.forms.transform import run

    with tempfile.TemporaryDirectory() as folder:
        table = tables.wide(Path(folder), columns=size[0], rows=size[1]) if size else tables.taxi(runs)
        before = _cpu_seconds()
        Path(folder, "output").mkdir()
        run(table, form, Path(folder, "output"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"cpu": _cpu_seconds() - before, "gigabytes": peak}))


def main() -> None:
    """Print a line for each table; the last is that of 200 columns."""
    parser = argparse.ArgumentParser(prog="python -m bench.transform", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs="+", metavar=("FORM", "RUNS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        form, runs, *size = options.one
        return transform(form, Path(runs), [int(number) for number in size])
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        command = [sys.executable, "-m", "pipeline", "run", "--set", f"runs={runs}", "--to", "ExampleGen"]
        subprocess.run(command, cwd=_ROOT, check=True, stdout=sys.stderr)
        lines = {}
        for name, shape in _TABLES.items():
            found: dict[str, list[dict[str, float]]] = {"by kind": [], "by column": []}
            for repeat in range(options.repeats):
                for form, each in found.items():
                    each.append(measured(form, shape, runs))
                    print(f"{name}, repeat {repeat + 1}, {form}: {json.dumps(each[-1])}", file=sys.stderr)
            lines[name] = _line(name, found["by kind"], found["by column"])
            print(lines[name], flush=True)
        name, shape = _WIDEST
        print(
            json.dumps({"what": f"Transform, {name}", "unit": "CPU s", **measured("by kind", shape, runs)}), flush=True
        )
        print(lines[_HEADLINE])
    return None


def _line(name: str, ours: list[dict[str, float]], peer: list[dict[str, float]]) -> str:
    return report.line(
        f"Transform, {name}",
        ours=[run["cpu"] for run in ours],
        peer=[run["cpu"] for run in peer],
        unit="CPU s",
        peer_name="analyzers for every column",
        gigabytes=round(statistics.median(run["gigabytes"] for run in ours), 2),
        peer_gigabytes=round(statistics.median(run["gigabytes"] for run in peer), 2),
    )


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
