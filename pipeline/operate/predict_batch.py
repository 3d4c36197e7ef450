"""``python -m pipeline predict-batch``: score the rows of files with a served version, on Beam.

Exit codes: 0 done; 3 more rows are bad than ``--max-bad`` allows, and the output is there all the same, or a file
cannot be read to its end, and there is none; 2 bad usage or config; 1 anything else.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from components.refusal import GateRefused
from pipeline.checks.columns import schema_features
from pipeline.checks.engine import check_engine
from pipeline.checks.reading import reading_of
from pipeline.config.beam.portable import JobServer
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.environment import quiet_tensorflow
from pipeline.records import printing, served
from pipeline.running import console as terminal
from pipeline.running.folder import disk
from pipeline.running.interrupts import Interrupts
from pipeline.running.reasons import reason_of

if TYPE_CHECKING:
    from components.batch.job import Tally
    from components.batch.scoring import Work

DONE, BROKEN, REFUSED = 0, 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument(
        "--input",
        nargs="+",
        required=True,
        metavar="FILE",
        help="files, folders, patterns or URIs; CSV, Parquet, Arrow, TFRecord of tf.Examples, or pictures",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="a new or empty folder")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, metavar="N", help="default: the newest in the serving folder")
    which.add_argument("--label", help="of a version, such as stable")
    served.add_models_files(parser)
    parser.add_argument(
        "--keys", nargs="+", default=[], metavar="COLUMN", help="columns to repeat (default: the file and the row)"
    )
    parser.add_argument("--inputs", action="store_true", help="also write what the model was asked")
    parser.add_argument(
        "--format", choices=("parquet", "prediction_log"), default="parquet", help="of the output (default: parquet)"
    )
    parser.add_argument(
        "--max-bad", type=_count, default=0, metavar="N", help="exit code 3 if more rows are bad (default: 0)"
    )
    printing.add_json(parser)


def run(config: Config, options: argparse.Namespace) -> int:
    """Score the rows.

    Raises:
        ConfigError: there is no such version, or the input, the output or the Beam engine cannot be used.
    """
    if config.platform:
        raise ConfigError(
            f"--profile {options.profile}: runs on {type(config.platform).__name__}; predict-batch needs a profile of "
            "this machine, or of an engine that shares its folders."
        )
    if options.keys and options.format == "prediction_log":
        raise ConfigError("--keys: a PredictionLog has no place for them; choose --format parquet.")
    check_engine(config)
    version = _version(config, options)
    quiet_tensorflow(verbose=options.verbose)
    log_file = config.run_folder / "logs" / f"{datetime.now():%Y%m%d-%H%M%S}-predict-batch.log"
    start = time.monotonic()
    with Interrupts() as interrupts:
        try:
            with terminal.quiet(log_file, verbose=options.verbose):
                tally = _scored(config, options, version)
        except GateRefused as error:
            print(f"predict-batch refused: {error.reason}", file=sys.stderr)
            return REFUSED
        except ConfigError:
            raise
        except Exception as error:
            interrupts.check()
            full = disk.is_full(error, options.output.resolve().parent)
            reason = disk.full(options.output.resolve().parent) if full else reason_of(error)
            print(f"predict-batch failed: {reason}\nThe log has the details: {log_file}", file=sys.stderr)
            return BROKEN
    return _report(config, options, version, tally, seconds=time.monotonic() - start)


def _report(
    config: Config, options: argparse.Namespace, version: served.Served, tally: Tally, *, seconds: float
) -> int:
    if options.json:
        about = {"model": config.serving.model_name, "version": version.version, "output": str(options.output)}
        printing.print_json({**about, "rows": tally.rows, "bad_rows": tally.bad})
    else:
        speed = f"{seconds:.1f} s, {tally.rows / seconds:,.0f} rows/s"
        print(f"{options.output}: {tally.rows:,} rows by version {version.version} ({speed})")
    if tally.bad:
        rows = "bad row" if tally.bad == 1 else "bad rows"
        print(f"{tally.bad:,} {rows}: {options.output / '_errors.jsonl'} says why", file=sys.stderr)
    return REFUSED if tally.bad > options.max_bad else DONE


def _version(config: Config, options: argparse.Namespace) -> served.Served:
    """The version that is asked for."""
    found = served.versions(config, served.models_files(config, options.model_config_file))
    if not found:
        raise ConfigError(f"nothing is served from {config.serving_folder}; `python -m pipeline run` pushes a model.")
    known = ", ".join(f"{one.version} ({one.words})" if one.words else str(one.version) for one in found)
    if options.version is not None:
        matching = [one for one in found if one.version == options.version]
        what = f"--version {options.version}"
    elif options.label is not None:
        matching = [one for one in found if options.label in one.labels]
        what = f"--label {options.label}"
    else:
        return found[0]
    if len(matching) > 1:
        raise ConfigError(f"{what}: several versions have it: {known}; name one models config file, or a version.")
    if not matching:
        raise ConfigError(f"{what}: {config.serving_folder} has no such version; it has {known}.")
    return matching[0]


def _scored(config: Config, options: argparse.Namespace, version: served.Served) -> Tally:
    from apache_beam import Pipeline
    from apache_beam.options.pipeline_options import PipelineOptions

    from components.batch import job
    from components.batch.writing import output_folder
    from pipeline.beam.engine import worker_packages
    from pipeline.beam.guard import guarded
    from pipeline.beam.memoization import lean_beam
    from pipeline.beam.probe import probe

    try:
        with output_folder.appearing(options.output) as folder:
            work = _work(config, options, version, folder)
            if isinstance(config.beam, JobServer) and config.beam.probe:
                data = Path(work.files.paths[0])
                probe(config.beam, folder=folder, data=data, packages=worker_packages(config))
            pipeline = Pipeline(options=PipelineOptions(config.beam.arguments()))
            job.add_steps(pipeline, work)
            with guarded(config.beam.limit_minutes), lean_beam():
                pipeline.run().wait_until_finish()
            return job.finish(work)
    except output_folder.OutputNotFree as error:
        raise ConfigError(f"{error}.") from None


def _work(config: Config, options: argparse.Namespace, version: served.Served, folder: Path) -> Work:
    from components.batch import work
    from components.batch.options import BatchOptions

    asked = BatchOptions(
        saved_model=str(version.folder),
        model=config.serving.model_name,
        version=version.version,
        keys=tuple(dict.fromkeys(options.keys)),
        inputs=options.inputs,
        format=options.format,
    )
    reading = reading_of(config, schema_features(config.schema_path) if config.schema_path else {})
    try:
        return work.plan(options.input, reading, asked, folder=str(folder))
    except GateRefused as error:
        raise ConfigError(f"{error.reason.rstrip('.')}.") from None


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = -1
    if count < 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of rows, 0 or more")
    return count
