"""``python -m pipeline watch``: what the served model is asked, and how well it answers.

Exit codes: 0 quiet; 10 there is a reason to retrain; 3 alarm; 2 bad usage or config; 1 anything else. With ``--every``
it runs until it is stopped.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.messages import one_line
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.environment import quiet_tensorflow
from pipeline.records import printing
from pipeline.running import console as terminal
from pipeline.watch import last
from pipeline.watch.store import FILE, Busy, OtherRelease, opened

_BROKEN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--log", type=Path, metavar="FOLDER", help="the servers' request log (default: watch.log)")
    parser.add_argument("--labels", nargs="+", metavar="FILE", help="files with true labels (default: watch.labels)")
    parser.add_argument("--keys", nargs="+", metavar="COLUMN", help="which request a label is of (default: watch.keys)")
    parser.add_argument("--every", type=_minutes, metavar="MINUTES", help="look again and again, instead of once")
    printing.add_json(parser)


def run(config: Config, options: argparse.Namespace) -> int:
    """Look once, or again and again; returns the exit code of the last look.

    Raises:
        ConfigError: there is no log, or labels without keys.
    """
    config = _with_flags(config, options)
    quiet_tensorflow(verbose=options.verbose)
    # What libraries print in the last process.
    _log_file(config).unlink(missing_ok=True)
    while True:
        code = _look(config, options)
        if options.every is None:
            return code
        time.sleep(60 * options.every)


def _look(config: Config, options: argparse.Namespace) -> int:
    try:
        with (
            opened(last.folder(config)) as connection,
            terminal.quiet(_log_file(config), verbose=options.verbose),
        ):
            # Here, so that a mistake on the command line does not wait for TensorFlow.
            from pipeline.watch import looking
            from pipeline.watch.document import document

            look = looking.look(connection, config, now=time.time())
            looking.write(look)
    except FileNotFoundError as error:
        raise ConfigError(f"watch.log: {one_line(str(error))}; give the servers' --request_log_folder.") from None
    except (Busy, OtherRelease) as error:
        print(f"watch: {error}.", file=sys.stderr)
        return _BROKEN
    except sqlite3.Error as error:
        state = last.folder(config) / FILE
        print(f"watch: {state}: {one_line(str(error))}; move it away, and it is rebuilt from the log.", file=sys.stderr)
        return _BROKEN
    except OSError as error:
        print(f"watch: {one_line(str(error))}.", file=sys.stderr)
        return _BROKEN
    if options.json:
        printing.print_json(document(look))
    else:
        print("\n".join(looking.lines(look)), flush=True)
    return look.verdict.code


def _log_file(config: Config) -> Path:
    return config.run_folder / "logs" / "watch.log"


def _with_flags(config: Config, options: argparse.Namespace) -> Config:
    """The config with what the command line says instead."""
    watch, given = config.watch, vars(options)
    flags: Mapping[str, Any] = {
        "log": given["log"] or watch.log or _logged_requests(config),
        "labels": tuple(given["labels"] or watch.labels),
        "keys": tuple(given["keys"] or watch.keys),
    }
    if flags["log"] is None:
        raise ConfigError("watch.log: names no request log; give --log FOLDER, the servers' --request_log_folder.")
    if flags["labels"] and not flags["keys"]:
        raise ConfigError("--labels: needs --keys COLUMN..., which say which request a label belongs to.")
    return config.model_copy(update={"watch": watch.model_copy(update=flags)})


def _logged_requests(config: Config) -> Path | None:
    """The log that the data gate compares with."""
    return config.gates.data.requests


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0 < minutes <= 10_080:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of minutes, above 0 and at most a week's 10080")
    return minutes
