"""Time to the first model: from a CSV file to an answer over gRPC, with ``init`` and a run, and no file edited.

The table is the first trips of ``data/taxi``, with the payment's type as the label: 7 classes and 17 other columns. The
peer is what every TFX program pays first, ``from tfx import v1`` in a process of its own, in turns with ours.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import report

_ROOT = Path(__file__).resolve().parents[1]
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "NO_GCE_CHECK": "true"}
_ANSWERED = "✓ live check"


def prepare(folder: Path, *, rows: int) -> None:
    """Lay out an empty project with the first trips as its data."""
    (folder / "data").mkdir()
    shutil.copytree(_ROOT / "configs" / "profiles", folder / "configs" / "profiles")
    with (_ROOT / "data" / "taxi" / "trips.csv").open() as trips, (folder / "data" / "trips.csv").open("w") as file:
        file.writelines(itertools.islice(trips, rows + 1))


def init(folder: Path) -> float:
    """Seconds of ``init``."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "pipeline", "init", "--data", "data/trips.csv", "--label", "payment_type"]
    subprocess.run(command, cwd=folder, env=_ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def run(folder: Path) -> dict[str, float]:
    """Seconds of a run, to the answers of the pushed model and to the end, when its page is written."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "pipeline", "run", "--config", "configs/trips.yaml"]
    answered, lines = 0.0, []
    with subprocess.Popen(command, cwd=folder, env=_ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith(_ANSWERED):
                answered = time.perf_counter() - start
    if process.returncode or not answered:
        raise SystemExit(f"the run failed:\n{''.join(lines)}")
    return {"answered": answered, "ended": time.perf_counter() - start}


def imports() -> float:
    """Seconds of a process that imports TFX."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "from tfx import v1"], env=_ENVIRONMENT, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Print a line for each repeat, and the headline: seconds to the first answer over those of TFX's import."""
    parser = argparse.ArgumentParser(prog="python -m bench.first_model", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    ours, peer = [], []
    for repeat in range(1, options.repeats + 1):
        with tempfile.TemporaryDirectory() as path:
            folder = Path(path)
            prepare(folder, rows=options.rows)
            peer.append(imports())
            seconds = {"init": init(folder), **run(folder)}
        ours.append(seconds["init"] + seconds["answered"])
        found = {name: round(each, 1) for name, each in seconds.items()}
        print(json.dumps({"what": "first model", "repeat": repeat, "rows": options.rows, **found}), flush=True)
    print(report.line("first model", ours=ours, peer=peer, unit="s", peer_name="from tfx import v1"))


if __name__ == "__main__":
    main()
