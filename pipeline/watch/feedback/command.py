"""``python -m pipeline feedback``: logged requests, joined with their labels, become a new span of the data.

Exit codes: 0 done, or nothing new; 2 bad usage or config; 3 a value does not fit the data; 1 anything else.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import sys
from datetime import UTC, datetime

from components.messages import one_line
from components.refusal import GateRefused
from pipeline.config.config import Config
from pipeline.config.data import Data
from pipeline.config.loading import ConfigError
from pipeline.environment import quiet_tensorflow
from pipeline.records import printing
from pipeline.running import console as terminal
from pipeline.watch import last
from pipeline.watch.feedback.destination import Destination, next_destination, stage_of
from pipeline.watch.store import FILE, Busy, OtherRelease, opened

_DONE, _BROKEN, _REFUSED = 0, 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument(
        "--min-rows",
        type=printing.count,
        default=100,
        metavar="N",
        help="write no span with fewer rows (default: %(default)s)",
    )
    printing.add_json(parser)


def run(config: Config, options: argparse.Namespace) -> int:
    """Write what is new; returns the exit code.

    Raises:
        ConfigError: nothing was watched yet, or the data have no spans.
    """
    state = last.folder(config) / FILE
    if not state.is_file():
        raise ConfigError(f"feedback: there is no {state}; `python -m pipeline watch` reads the requests and labels.")
    destination = next_destination(config, today=datetime.now(UTC).date())
    quiet_tensorflow(verbose=options.verbose)
    try:
        with opened(last.folder(config)) as connection:
            log_file = config.run_folder / "logs" / "feedback.log"
            log_file.unlink(missing_ok=True)
            with terminal.quiet(log_file, verbose=options.verbose):
                written, ready, waiting = _write(connection, config, options, destination)
    except GateRefused as error:
        print(f"feedback: {error.reason.rstrip('.')}.", file=sys.stderr)
        return _REFUSED
    except (Busy, OtherRelease) as error:
        print(f"feedback: {error}.", file=sys.stderr)
        return _BROKEN
    except (OSError, sqlite3.Error) as error:
        print(f"feedback: {destination.path} cannot be written ({one_line(str(error))}).", file=sys.stderr)
        return _BROKEN
    _say(options, destination, written=written, ready=ready, waiting=waiting)
    return _DONE


def _write(
    connection: sqlite3.Connection, config: Config, options: argparse.Namespace, destination: Destination
) -> tuple[int, int, int]:
    """Write the span if there are enough rows: those written, those that could be, those without a label."""
    from pipeline.watch.feedback import rows, writing

    rows.settle(connection)
    found, waiting = rows.unwritten(connection, config.label), rows.waiting(connection)
    if len(found) < options.min_rows:
        return 0, len(found), waiting
    assert isinstance(config.data, Data)
    stage = stage_of(config)
    # What a killed process left there.
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    part = stage / "part"
    writing.write([one.row for one in found], destination, config.data.csv, to=part)
    rows.announce(connection, destination.path, found)
    destination.path.parent.mkdir(parents=True, exist_ok=True)
    part.rename(destination.path)
    rows.settle(connection)
    stage.rmdir()
    return len(found), len(found), waiting


def _say(options: argparse.Namespace, destination: Destination, *, written: int, ready: int, waiting: int) -> None:
    if options.json:
        about = {"path": str(destination.path), "span": destination.span} if written else {"path": None, "span": None}
        printing.print_json({**about, "rows": written, "ready": ready, "without_label": waiting})
    elif written:
        path = printing.path(destination.path)
        print(f"{path}: {written:,} rows, span {destination.span}; {waiting:,} wait for a label")
    else:
        few = f"fewer than {options.min_rows:,} (--min-rows)"
        print(f"nothing was written: {ready:,} new rows have a label, {few}; {waiting:,} wait for one")
