"""Wall time of the whole pipeline against the taxi template of the installed tfx package.

Both run in fresh processes and folders, in turns, on the same 15,002 trips. The template is copied with TFX's own
``copy_template``, with all its components switched on (StatisticsGen, SchemaGen, ExampleValidator, Transform, Trainer,
Resolver, Evaluator, Pusher). Ours also gates the data, loads the export in a Session, starts a server and queries the
pushed model over gRPC.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import report

_COPY_TEMPLATE = """
import sys
from tfx.tools.cli.handler import template_handler
template_handler.copy_template({"model": "taxi", "pipeline_name": "stock_taxi", "destination_path": sys.argv[1]})
"""


def copy_stock_template(folder: Path, *, log: Path) -> None:
    """Copy TFX's taxi template and switch its commented-out components on."""
    timed([sys.executable, "-c", _COPY_TEMPLATE, str(folder)], cwd=folder, log=log)
    module = folder / "pipeline" / "pipeline.py"
    source = module.read_text()
    switched = source.replace("  # components.append(", "  components.append(")
    if switched.count("  components.append(") < 9:
        raise SystemExit(f"{module}: the template no longer looks as expected; adapt bench/pipeline.py.")
    module.write_text(switched)


def timed(command: list[str], *, cwd: Path, log: Path) -> tuple[float, float]:
    """Run a command and return its wall and CPU seconds; a failure ends the benchmark."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "NO_GCE_CHECK": "true"}
    with log.open("ab") as output:
        done = subprocess.run(command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, env=environment)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed; see {log}:\n{log.read_text()[-2000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line for the CPU time and, as the headline, one for the wall time."""
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    root = Path(__file__).resolve().parent.parent
    ours, stock = [], []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log.txt")
        for repeat in range(repeats):
            template = Path(folder, f"stock-{repeat}")
            template.mkdir()
            copy_stock_template(template, log=log)
            stock.append(timed([sys.executable, "local_runner.py"], cwd=template, log=log))
            command = [sys.executable, "-m", "pipeline", "run", "--set", f"runs={folder}/ours-{repeat}"]
            ours.append(timed(command, cwd=root, log=log))
            print(f"repeat {repeat + 1}: ours {ours[-1][0]:.1f} s, stock {stock[-1][0]:.1f} s", file=sys.stderr)
    for index, what in ((1, "pipeline run, CPU"), (0, "pipeline run, wall")):
        print(
            report.line(
                what,
                ours=[run[index] for run in ours],
                peer=[run[index] for run in stock],
                unit="s",
                peer_name="taxi template of tfx",
            )
        )


if __name__ == "__main__":
    main()
