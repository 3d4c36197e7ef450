"""Rows a second, CPU and memory of ``predict-batch``: against the client over gRPC, and against TFX's BulkInferrer.

The same served taxi model answers all. The client reads the same Parquet files as we do and asks the embedded server,
whose CPU and memory count as well; it sends a part of the rows, since its speed does not depend on their number. The
BulkInferrer and we read the same gzipped tf.Examples, both with Beam in memory. All are processes of their own, imports
included, in turns. ``ours_small_mb`` is our memory at a tenth of the rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import psutil

from bench import report
from bench.measure import Cost, measure
from serving.versions import version_folders

_ROOT = Path(__file__).resolve().parents[2]
_SERVER = "import sys; from serving.server import cli; cli.main(sys.argv[1:], lambda on: print(on.grpc, flush=True))"


class Server:
    """The embedded server, which the client asks; a context manager.

    Args:
        base_path: the serving folder.
    """

    def __init__(self, base_path: Path):
        flags = ["--port=0", "--model_name=taxi", f"--model_base_path={base_path}"]
        self._command = [sys.executable, "-c", _SERVER, *flags]

    def __enter__(self) -> Server:
        self._process = subprocess.Popen(self._command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.target = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()

    @property
    def tree(self) -> list[psutil.Process]:
        """The server's processes."""
        process = psutil.Process(self._process.pid)
        return [process, *process.children(recursive=True)]


class Bench:
    """The measurements.

    Args:
        folder: for all files.
        runs: has the served model.
    """

    def __init__(self, folder: Path, runs: Path):
        self._folder, self._runs, self._made = folder, runs, 0

    def ours(self, source: Path) -> Cost:
        """``predict-batch`` on the files in a folder."""
        words = ["pipeline", "predict-batch", "--input", source, "--output", self._output()]
        return self._measure([*words, "--set", f"runs={self._runs}"])

    def client(self, source: Path, server: Server, rows: int) -> Cost:
        """The client with the first rows of the Parquet files in a folder."""
        words = ["bench.batch.peers", "client", "--input", source, "--output", self._output()]
        return self._measure([*words, "--target", server.target, "--rows", rows], programs=[server])

    def bulk_inferrer(self, source: Path) -> Cost:
        """TFX's component on an Examples artifact."""
        versions = version_folders.find(self._runs / "taxi/serving/taxi")
        model = self._folder / "model"
        if not model.exists():
            model.mkdir()
            (model / "Format-Serving").symlink_to(versions[max(versions)])
        words = ["bench.batch.peers", "bulk_inferrer", "--input", source, "--output", self._output()]
        return self._measure([*words, "--saved_model", model])

    def _output(self) -> Path:
        self._made += 1
        return self._folder / f"output-{self._made}"

    def _measure(self, words: Sequence[object], *, programs: Sequence[Server] = ()) -> Cost:
        command = [sys.executable, "-m", *map(str, words)]
        log = self._folder / "log"
        return measure(command, programs=programs, log=log, limit_seconds=3600, folder=_ROOT, environment={})


def main() -> None:
    """Print the lines; the last one is that of the client."""
    parser = argparse.ArgumentParser(prog="python -m bench.batch", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_500_000, help="of Parquet (default: 1,500,000)")
    parser.add_argument("--examples", type=int, default=1_500_000, help="tf.Examples (default: 1,500,000)")
    parser.add_argument("--client-rows", type=int, default=50_000, help="how many the client sends (default: 50,000)")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--runs", type=Path, help="a folder of runs with a served taxi model (default: make one)")
    options = parser.parse_args()
    # It imports TFX, which the help needs not.
    from bench.batch import data

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        runs = options.runs.resolve() if options.runs else _served(folder / "runs")
        bench = Bench(folder, runs)
        data.write_parquet(folder / "rows", rows=options.rows)
        data.write_parquet(folder / "few_rows", rows=options.rows // 10)
        data.write_examples(folder / "examples", rows=options.examples)
        print(_bulk_inferrer_line(bench, folder / "examples", options), flush=True)
        small = bench.ours(folder / "few_rows")
        with Server(runs / "taxi/serving/taxi") as server:
            print(_client_line(bench, folder / "rows", server, small, options))


def _served(runs: Path) -> Path:
    command = [sys.executable, "-m", "pipeline", "run", "--set", f"runs={runs}"]
    subprocess.run(command, cwd=_ROOT, check=True, stdout=sys.stderr)
    return runs


def _bulk_inferrer_line(bench: Bench, source: Path, options: argparse.Namespace) -> str:
    ours, peer = [], []
    for _ in range(options.repeats):
        ours.append(bench.ours(source / "Split-all"))
        peer.append(bench.bulk_inferrer(source))
        print(f"ours {ours[-1]}\nBulkInferrer {peer[-1]}", file=sys.stderr)
    return report.line(
        f"batch inference of {options.examples:,} tf.Examples",
        ours=[cost.cpu_s for cost in ours],
        peer=[cost.cpu_s for cost in peer],
        unit="CPU s",
        peer_name="TFX BulkInferrer",
        ours_mb=max(cost.peak_mb for cost in ours),
        peer_mb=max(cost.peak_mb for cost in peer),
        ours_wall_s=[cost.wall_s for cost in ours],
        peer_wall_s=[cost.wall_s for cost in peer],
    )


def _client_line(bench: Bench, source: Path, server: Server, small: Cost, options: argparse.Namespace) -> str:
    ours, peer = [], []
    for _ in range(options.repeats):
        ours.append(bench.ours(source))
        peer.append(bench.client(source, server, options.client_rows))
        print(f"ours {ours[-1]}\nclient {peer[-1]}", file=sys.stderr)
    return report.line(
        f"batch inference of {options.rows:,} rows of Parquet",
        ours=[options.rows / cost.wall_s for cost in ours],
        peer=[options.client_rows / cost.wall_s for cost in peer],
        unit="rows/s",
        peer_name="client over gRPC, 1,024 rows a request",
        peer_rows=options.client_rows,
        ours_mb=max(cost.peak_mb for cost in ours),
        ours_small_mb=small.peak_mb,
        peer_mb=max(cost.peak_mb for cost in peer),
        ours_cpu_us_per_row=round(1e6 * min(cost.cpu_s for cost in ours) / options.rows, 2),
        ours_cpu_s=min(cost.cpu_s for cost in ours),
        peer_cpu_us_per_row=round(1e6 * min(cost.cpu_s for cost in peer) / options.client_rows, 2),
    )


if __name__ == "__main__":
    main()
