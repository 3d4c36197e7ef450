"""Ingest, statistics, transformation and evaluation by number of rows, ours and stock, on every runner here.

Each measurement is the executor of one real TFX component in a fresh process (`bench.scale.stage`), on the output of
the stage before, with a fresh engine. It appends one JSON line to a file, so an interrupted run resumes. The last line
is the headline: the ingest's CPU over stock's, and which goals are met.
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
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Failed, measure
from bench.scale import data as scale_data
from bench.scale import engines, plan, report, results
from bench.scale.plan import NODES, OVERRIDES, ROOT, RUNNERS, SIZES, STOCK_RUNNER, WAYS, Setting
from bench.scale.records import count_records

_FOLDER = ROOT / "runs" / "bench-scale"
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "NO_GCE_CHECK": "true", "PYTHONPATH": str(ROOT)}


class NotPossible(Exception):
    """A measurement cannot begin; this is not a result."""


@dataclass(frozen=True, kw_only=True)
class Measurer:
    """Measures one setting after another.

    Attributes:
        folder: folder for data, examples, the model and logs.
        limit_minutes: limit of one stage, in minutes; a stage that takes longer is killed.
    """

    folder: Path
    limit_minutes: float

    def run(self, setting: Setting) -> results.Measurement:
        """Measure one setting.

        Raises:
            NotPossible: its engine does not start, or its input is missing.
        """
        rows = scale_data.make(self.folder / "data", rows=setting.rows)
        data = rows.parquet if setting.stage == "ingest_parquet" else rows.csv
        output = self._output(setting)
        shutil.rmtree(output, ignore_errors=True)
        logs = self.folder / "logs" / f"{setting.way}-{setting.runner}-{setting.stage}-{setting.rows}"
        shutil.rmtree(logs, ignore_errors=True)
        logs.mkdir(parents=True)
        inputs = self._inputs(setting)
        with ExitStack() as around:
            scratch = Path(around.enter_context(tempfile.TemporaryDirectory(dir=self.folder)))
            target = self._start(setting, folder=logs, around=around)
            command = [
                *(sys.executable, "-m", "bench.scale.stage", setting.way, setting.stage),
                *("--profile", target.profile, "--output", str(output), *inputs),
                *(f"--set={word}" for word in target.overrides),
                *(f"--set=runs={scratch}", f"--set=data.path={data}"),
                f"--set=data.format={'parquet' if setting.stage == 'ingest_parquet' else 'csv'}",
                *(f"--set={word}" for stage, word in OVERRIDES.items() if stage == setting.stage),
            ]
            load = os.getloadavg()[0]
            try:
                cost = measure(
                    command,
                    programs=target.programs,
                    log=logs / "stage.log",
                    limit_seconds=self.limit_minutes * 60,
                    folder=ROOT,
                    environment={**_ENVIRONMENT, "TMPDIR": str(scratch)},
                )
                self._check(setting, output)
            except Failed as error:
                shutil.rmtree(output, ignore_errors=True)
                return results.Measurement(setting=setting, error=str(error), load=load)
        if setting.stage != "ingest":
            shutil.rmtree(output, ignore_errors=True)
        return results.Measurement(setting=setting, cost=cost, load=load)

    def _output(self, setting: Setting) -> Path:
        return self.folder / setting.stage / f"{setting.way}-{setting.runner}-{setting.rows}"

    def _start(self, setting: Setting, *, folder: Path, around: ExitStack) -> engines.BeamTarget:
        try:
            return around.enter_context(engines.start(setting.runner, folder=folder))
        except engines.EngineFailed as error:
            raise NotPossible(f"{setting.runner} does not start: {error}") from error

    def _inputs(self, setting: Setting) -> list[str]:
        """The flags for the input: the examples of the runner's own ingest if it has any, else those made in memory."""
        if NODES[setting.stage] in ("", "ExampleGen"):
            return []
        runners = (setting.runner, STOCK_RUNNER)
        # Stock's ingest writes a missing text as an empty list, which a served model refuses.
        way = "ours" if NODES[setting.stage] == "Evaluator" else setting.way
        ingests = [self._output(Setting(way=way, runner=each, stage="ingest", rows=setting.rows)) for each in runners]
        examples = next((folder for folder in ingests if (folder / "examples.json").exists()), None)
        if examples is None:
            raise NotPossible(f"there are no examples in {ingests[-1]}; measure the ingest first (--again)")
        if NODES[setting.stage] != "Evaluator":
            return ["--examples", str(examples)]
        return ["--examples", str(examples), "--model", str(_model(self.folder))]

    def _check(self, setting: Setting, output: Path) -> None:
        """Fail an ingest that loses rows: it is not fast."""
        if NODES[setting.stage] == "ExampleGen":
            found = count_records(output / "examples")
            if found != setting.rows:
                raise Failed(f"{setting.rows:,} rows became {found:,} examples")


def _model(folder: Path) -> Path:
    """The model to evaluate at all sizes: trained once on the real trips by the pipeline."""
    models = folder / "model" / "taxi" / "artifacts" / "Trainer" / "model"
    if not _trained(models):
        print("training the model to evaluate", file=sys.stderr, flush=True)
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
    """Measure what has no result yet and print a line for each measurement, the headline last."""
    options = _options()
    if options.report:
        report.write(options.results)
        return
    # SIGTERM stops the engines, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM; the next call resumes"))
    begin = time.monotonic()

    def log(text: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - begin), 60)
        print(f"[{minutes}:{seconds:02}] {text}", file=sys.stderr, flush=True)

    runners = []
    for runner in options.runners:
        reason = engines.missing(runner)
        if reason:
            log(f"{runner} is left out: {reason}")
        else:
            runners.append(runner)
    wanted = list(
        plan.settings(
            sizes=options.sizes,
            runners=runners,
            stages=options.stages,
            ways=options.ways,
            repeats=options.repeats,
        )
    )
    known = set() if options.again else {one.setting for one in results.read(options.results)}
    measurer = Measurer(folder=options.folder, limit_minutes=options.limit_minutes)
    for number, setting in enumerate(wanted, start=1):
        if setting in known:
            continue
        log(f"{number} of {len(wanted)}: {setting}")
        try:
            measured = measurer.run(setting)
        except NotPossible as error:
            log(f"left out: {error}")
            continue
        results.append(options.results, measured)
        print(measured.line(), flush=True)
    log("done")
    print(results.headline(results.read(options.results)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="numbers of rows, such as 15k,1.5M")
    parser.add_argument("--runners", type=_some(RUNNERS), default=RUNNERS, help=",".join(RUNNERS))
    parser.add_argument("--stages", type=_some(tuple(NODES)), default=tuple(NODES), help=",".join(NODES))
    parser.add_argument("--ways", type=_some(WAYS), default=WAYS, help=",".join(WAYS))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--limit-minutes", type=float, default=60, help="limit of one measurement")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="folder for data, examples, the model and logs")
    parser.add_argument(
        "--results", type=Path, default=_FOLDER / "results.jsonl", help="file to which the lines are appended"
    )
    parser.add_argument("--again", action="store_true", help="repeat measurements that have a line, failed or not")
    parser.add_argument("--report", action="store_true", help="measure nothing; update docs/scale.md from the lines")
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return plan.parse_sizes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _some(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        unknown = [word for word in words if word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(known)}")
        return words

    return parse


if __name__ == "__main__":
    main()
