"""Wall time, CPU time and peak memory of compiling for Vertex, against the taxi template of the installed tfx package.

Both run in fresh processes, in turns. The template is copied with TFX's own ``copy_template``, with all its components
switched on, and runs its own ``kubeflow_v2_runner.py``; only its name is changed, which that runner refuses. Ours has
three more nodes and an exit handler, fixes the errors of TFX's compiler, and sets resources, retries and caching of
each task.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import report
from bench.pipeline import copy_stock_template

Costs = tuple[float, float, float]


def copy_compilable_template(folder: Path, *, log: Path) -> None:
    """Copy TFX's taxi template under a name that its own runner for Vertex accepts."""
    copy_stock_template(folder, log=log)
    configs = folder / "pipeline" / "configs.py"
    source = configs.read_text()
    if "'stock_taxi'" not in source:
        raise SystemExit(f"{configs}: the template no longer looks as expected; adapt bench/compile.py.")
    configs.write_text(source.replace("'stock_taxi'", "'stock-taxi'"))


def measured(command: list[str], *, cwd: Path, log: Path, makes: Path) -> Costs:
    """Run a command and return wall seconds, CPU seconds and peak MB; a failure ends the benchmark.

    Args:
        command: the program and its arguments.
        cwd: working directory.
        log: file to which the output is appended.
        makes: file that the command must write.
    """
    makes.unlink(missing_ok=True)
    environment = {**os.environ, "NO_GCE_CHECK": "true"}
    start = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not makes.exists():
        raise SystemExit(f"{' '.join(command)} wrote no {makes.name}; see {log}:\n{log.read_text()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Print lines for peak memory and CPU time and, as the headline, one for the wall time."""
    parser = argparse.ArgumentParser(prog="python -m bench.compile", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    root = Path(__file__).resolve().parent.parent
    ours, stock = [], []
    with tempfile.TemporaryDirectory() as folder:
        log, template, compiled = Path(folder, "log.txt"), Path(folder, "stock"), Path(folder, "ours.yaml")
        template.mkdir()
        copy_compilable_template(template, log=log)
        command = [sys.executable, "-m", "kubeflow", "compile", "--profile", "vertex", "--output", str(compiled)]
        peer = [sys.executable, "kubeflow_v2_runner.py"]
        for repeat in range(repeats):
            stock.append(measured(peer, cwd=template, log=log, makes=template / "pipeline.json"))
            ours.append(measured(command, cwd=root, log=log, makes=compiled))
            print(f"repeat {repeat + 1}: ours {ours[-1][0]:.1f} s, stock {stock[-1][0]:.1f} s", file=sys.stderr)
    for index, what, unit in ((2, "peak memory", "MB"), (1, "CPU", "s"), (0, "wall", "s")):
        print(
            report.line(
                f"compile for Vertex, {what}",
                ours=[run[index] for run in ours],
                peer=[run[index] for run in stock],
                unit=unit,
                peer_name="taxi template of tfx, kubeflow_v2_runner.py",
            )
        )


if __name__ == "__main__":
    main()
