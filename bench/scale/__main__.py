"""Ingest, statistics, transformation and evaluation over the number of rows, ours and stock, on every runner here.

Each measurement is the executor of one real TFX component in a fresh process (`bench.scale.stage`), on what the stage
before it left; engines are started for it alone. It appends one JSON line to a file, so that an interrupted run goes
on where it was. The last line is the headline: the ingest's CPU over stock's, and all goals met or missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.scale import data as scale_data
from bench.scale import engines, plan, report, results
from bench.scale.measure import Failed, measure
from bench.scale.plan import NODES, ROOT, RUNNERS, SIZES, STOCK_RUNNER, WAYS, Task
from bench.scale.records import count_records

_FOLDER = ROOT / "runs" / "bench-scale"
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "NO_GCE_CHECK": "true", "PYTHONPATH": str(ROOT)}


class NotPossible(Exception):
    """A measurement cannot begin; that says nothing about what it would have measured."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Measures tasks.

    Attributes:
        folder: for data, examples, the model and logs.
        limit_minutes: a stage that takes longer is ended.
    """

    folder: Path
    limit_minutes: float

    def run(self, task: Task) -> results.Measurement:
        """Measure one task.

        Raises:
            NotPossible: its engine does not start, or what it reads is not there.
        """
        rows = scale_data.make(self.folder / "data", rows=task.rows)
        data = rows.parquet if task.stage == "ingest_parquet" else rows.csv
        output = self._output(task)
        shutil.rmtree(output, ignore_errors=True)
        logs = self.folder / "logs" / f"{task.way}-{task.runner}-{task.stage}-{task.rows}"
        shutil.rmtree(logs, ignore_errors=True)
        logs.mkdir(parents=True)
        inputs = self._inputs(task)
        with ExitStack() as around:
            scratch = Path(around.enter_context(tempfile.TemporaryDirectory(dir=self.folder)))
            place = self._start(task, folder=logs, around=around)
            command = [
                *(sys.executable, "-m", "bench.scale.stage", task.way, task.stage),
                *("--profile", place.profile, "--output", str(output), *inputs),
                *(f"--set={word}" for word in place.overrides),
                *(f"--set=runs={scratch}", f"--set=data.path={data}"),
                f"--set=data.format={'parquet' if task.stage == 'ingest_parquet' else 'csv'}",
            ]
            load = os.getloadavg()[0]
            try:
                cost = measure(
                    command,
                    programs=place.programs,
                    log=logs / "stage.log",
                    limit_seconds=self.limit_minutes * 60,
                    folder=ROOT,
                    environment={**_ENVIRONMENT, "TMPDIR": str(scratch)},
                )
                self._check(task, output)
            except Failed as error:
                shutil.rmtree(output, ignore_errors=True)
                return results.Measurement(task=task, error=str(error), load=load)
        if task.stage != "ingest":
            shutil.rmtree(output)
        return results.Measurement(task=task, cost=cost, load=load)

    def _output(self, task: Task) -> Path:
        return self.folder / task.stage / f"{task.way}-{task.runner}-{task.rows}"

    def _start(self, task: Task, *, folder: Path, around: ExitStack) -> engines.Place:
        try:
            return around.enter_context(engines.start(task.runner, folder=folder))
        except engines.EngineFailed as error:
            raise NotPossible(f"{task.runner} does not start: {error}") from error

    def _inputs(self, task: Task) -> list[str]:
        """The examples of the runner's own ingest, as in a pipeline; else those made in memory."""
        if NODES[task.stage] == "ExampleGen":
            return []
        runners = (task.runner, STOCK_RUNNER)
        ingests = [self._output(Task(way=task.way, runner=each, stage="ingest", rows=task.rows)) for each in runners]
        examples = next((folder for folder in ingests if (folder / "examples.json").exists()), None)
        if examples is None:
            raise NotPossible(f"there are no examples in {ingests[-1]}; measure the ingest first (--again)")
        if task.stage != "evaluation":
            return ["--examples", str(examples)]
        return ["--examples", str(examples), "--model", str(_model(self.folder))]

    def _check(self, task: Task, output: Path) -> None:
        """An ingest that loses rows is not fast."""
        if NODES[task.stage] == "ExampleGen":
            found = count_records(output / "examples")
            if found != task.rows:
                raise Failed(f"{found:,} examples came of {task.rows:,} rows")


def _model(folder: Path) -> Path:
    """The model that is evaluated at all sizes: trained on the real trips, by the pipeline, which keeps it cached."""
    models = folder / "model" / "taxi" / "artifacts" / "Trainer" / "model"
    if not _trained(models):
        print("training the model that is evaluated", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "pipeline", "run", f"--set=runs={folder / 'model'}", "--to", "Trainer"]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **_ENVIRONMENT}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotPossible(f"no model: {done.stderr.strip()[-300:]}")
    return _trained(models)[-1]


def _trained(models: Path) -> list[Path]:
    return sorted(path.parent.parent for path in models.glob("*/Format-Serving/saved_model.pb"))


def main() -> None:
    """Measure what is not measured yet, and print a line for each, the headline last."""
    options = _options()
    if options.report:
        report.write(options.results)
        return
    # SIGTERM ends the engines, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM; the next call goes on"))
    begin = time.monotonic()

    def tell(text: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - begin), 60)
        print(f"[{minutes}:{seconds:02}] {text}", file=sys.stderr, flush=True)

    runners = []
    for runner in options.runners:
        reason = engines.missing(runner)
        if reason:
            tell(f"{runner} is left out: {reason}")
        else:
            runners.append(runner)
    wanted = list(
        plan.tasks(
            sizes=options.sizes,
            runners=runners,
            stages=options.stages,
            ways=options.ways,
            repeats=options.repeats,
        )
    )
    known = set() if options.again else {one.task for one in results.read(options.results)}
    bench = Bench(folder=options.folder, limit_minutes=options.limit_minutes)
    for number, task in enumerate(wanted, start=1):
        if task in known:
            continue
        tell(f"{number} of {len(wanted)}: {task}")
        try:
            measured = bench.run(task)
        except NotPossible as error:
            tell(f"left out: {error}")
            continue
        results.append(options.results, measured)
        print(measured.line(), flush=True)
    tell("done")
    print(results.headline(results.read(options.results)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="numbers of rows, such as 15k,1.5M")
    parser.add_argument("--runners", type=_some(RUNNERS), default=RUNNERS, help=",".join(RUNNERS))
    parser.add_argument("--stages", type=_some(tuple(NODES)), default=tuple(NODES), help=",".join(NODES))
    parser.add_argument("--ways", type=_some(WAYS), default=WAYS, help=",".join(WAYS))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--limit-minutes", type=float, default=60, help="of one measurement")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="for data, examples, the model and logs")
    parser.add_argument("--results", type=Path, default=_FOLDER / "results.jsonl", help="where the lines go")
    parser.add_argument("--again", action="store_true", help="measure what has a line already, failed or not")
    parser.add_argument("--report", action="store_true", help="measure nothing; renew docs/scale.md from the lines")
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return plan.parse_sizes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _some(known: tuple[str, ...]) -> object:
    def parse(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        unknown = [word for word in words if word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
        return words

    return parse


if __name__ == "__main__":
    main()
