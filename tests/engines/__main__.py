"""An engine of its own process: ``python -m tests.engines flink --folder FOLDER``, until standard input ends.

It prints one JSON line when jobs can be sent: ``job_endpoint`` and ``worker_pool``, as in the config's ``beam``.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from tests.engines import downloads, hosts
from tests.engines.flink.cluster import FlinkCluster
from tests.engines.local_service import LocalJobService
from tests.engines.spark.cluster import SparkCluster


def missing(engine: str, *, workers: int) -> str | None:
    """Why the engine cannot be started here; None where it can."""
    if engine == "portable":
        return None
    parts = {"flink": downloads.FLINK, "spark": downloads.SPARK}[engine]
    return parts.missing() or (hosts.missing() if workers > 1 else None)


def cluster(engine: str, *, folder: Path, workers: int) -> FlinkCluster | LocalJobService | SparkCluster:
    """The engine, not yet started; each worker runs one task at a time."""
    if engine == "flink":
        return FlinkCluster(folder=folder, task_managers=workers, slots=1)
    if engine == "spark":
        return SparkCluster(folder=folder, workers=workers)
    return LocalJobService(folder)


def main() -> None:
    """Start the engine and keep it until standard input ends; exit with a reason where it cannot be started."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("engine", choices=("portable", "flink", "spark"))
    parser.add_argument("--folder", type=Path, help="folder for logs and for all that the programs write")
    parser.add_argument("--workers", type=int, default=1, help="Flink's task managers or Spark's workers")
    parser.add_argument("--check", action="store_true", help="only say whether it can be started, by the exit code")
    options = parser.parse_args()
    if reason := missing(options.engine, workers=options.workers):
        sys.exit(reason)
    if options.check:
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    with cluster(options.engine, folder=options.folder, workers=options.workers) as engine:
        print(json.dumps({"job_endpoint": engine.job_endpoint, "worker_pool": engine.worker_pool}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
