"""``python -m pipeline retrain-if``: whether there is a reason to run the pipeline again; for cron and schedulers.

Exit codes: 0 there is no reason, 10 there is; each reason is one line.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from components.example_gen import spans
from components.messages import one_line
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.records import printing, served
from pipeline.records.runs import Records, RunRecord, records_of
from pipeline.watch import last  # part: watch

RETRAIN = 10
# What the data gate says of data that have moved away from those of the served model.
_MOVED = re.compile(r"\((?:COMPARATOR_\w+|DRIFT_(?:NUMBERS|CATEGORIES|MISSING|LABEL)|TYPE_CHANGED)\)")
_GATE = "DataGate"
_FAR = 36_500
_WATCH = "the last `watch` saw drift of the requests or predictions, or a fall of live quality"  # part: watch
# The options that are conditions.
_CONDITIONS = (
    "age",
    "new_spans",
    "drift",
    "watch",  # part: watch
)
_REASON = 200


@dataclass(frozen=True, kw_only=True)
class Newest:
    """The newest served version.

    Attributes:
        version: its number.
        push: the artifact of its push.
        run: the run that pushed it.
    """

    version: int
    push: metadata_store_pb2.Artifact
    run: metadata_store_pb2.Context


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--age", type=_days, metavar="DAYS", help="the newest served version is older than this")
    parser.add_argument("--new-spans", action="store_true", help="there are files of a newer span than it has seen")
    parser.add_argument(
        "--drift", action="store_true", help="a later run found that the data have moved away from those it has seen"
    )
    parser.add_argument("--watch", action="store_true", help=_WATCH)  # part: watch
    printing.add_json(parser)


def run(config: Config, options: argparse.Namespace) -> int:
    """Print the reasons; returns 0 without one, 10 with one.

    Raises:
        ConfigError: no condition is named, or the data have no spans.
    """
    # An age of 0 days is a condition, too.
    if all(value is None or value is False for value in (getattr(options, name) for name in _CONDITIONS)):
        *others, final = ("--" + name.replace("_", "-") for name in _CONDITIONS)
        raise ConfigError(f"retrain-if: name at least one of {', '.join(others)} and {final}.")
    if options.new_spans and not _patterns(config):
        raise ConfigError("--new-spans: data.files names no span; it needs {SPAN}, or {YYYY}-{MM}-{DD}.")
    found = list(reasons(config, options))
    if options.json:
        printing.print_json({"retrain": bool(found), "reasons": found})
    else:
        print("\n".join(found) if found else "nothing to do")
    return RETRAIN if found else 0


def reasons(config: Config, options: argparse.Namespace) -> Iterator[str]:
    """Why to run the pipeline again, one line each."""
    records = records_of(config)
    newest = _newest(config, records) if records else None
    if records is None or newest is None:
        yield f"nothing is served from {config.serving_folder} that a run has pushed"
        return
    if options.age is not None:
        yield from _aged(newest, options.age)
    if options.new_spans:
        yield from _new_spans(config, records, newest)
    if options.drift:
        yield from _drifted(records, newest)
    if options.watch:  # part: watch
        yield from last.reasons(config, version=newest.version)  # part: watch


def _newest(config: Config, records: Records) -> Newest | None:
    versions = [one.version for one in served.versions(config, ())]
    pushed = records.pushes()
    known = [version for version in versions if version in pushed]
    if not known:
        return None
    push = pushed[max(known)]
    run = records.maker(push)
    return Newest(version=max(known), push=push, run=run) if run else None


def _aged(newest: Newest, days: float) -> Iterator[str]:
    pushed = datetime.fromtimestamp(newest.push.create_time_since_epoch / 1000)
    age = datetime.now() - pushed
    if age > timedelta(days=days):
        yield f"version {newest.version} is {age / timedelta(days=1):.1f} days old, more than {days:g}"


def _new_spans(config: Config, records: Records, newest: Newest) -> Iterator[str]:
    examples, folder = records.outputs(newest.run).get(("ExampleGen", "examples")), config.data.path
    if examples is None or folder is None:
        return
    span = examples.custom_properties["span"].int_value
    for pattern in _patterns(config):
        files = [path.relative_to(folder).as_posix() for path in folder.glob(spans.glob(pattern))]
        later = sorted(set(spans.newest(files, pattern)) - set(spans.newest(files, pattern, until=span)))
        if later:
            more = f" and {len(later) - 1} more" if len(later) > 1 else ""
            yield f"{later[0]}{more} is of a newer span than {span}, which version {newest.version} was trained on"


def _patterns(config: Config) -> list[str]:
    """The patterns with spans; none if the data are no files."""
    patterns = getattr(config.data, "patterns", {})
    return [pattern for pattern in patterns.values() if spans.has_spans(pattern)] if config.data.path else []


def _drifted(records: Records, newest: Newest) -> Iterator[str]:
    """What the newest run after the push said of the data, if it got as far as the data gate."""
    for context in records.contexts[: records.contexts.index(newest.run)]:
        record = records.run(context)
        gate = next((node for node in record.nodes if node.node == _GATE), None)
        if gate is None or gate.state not in ("done", "from cache", "refused"):
            continue
        found = moved([gate.reason, *_notices(records, context)])
        if found:
            yield f"run {record.number} of {_day(record)}: {one_line(found[0], limit=_REASON)}"
        return


def moved(texts: Iterable[str]) -> list[str]:
    """Those of the data gate's reasons and notices that say that the data have moved away."""
    return [text for text in texts if _MOVED.search(text)]


def _notices(records: Records, context: metadata_store_pb2.Context) -> list[str]:
    """What the data gate let pass with a notice."""
    notices = records.outputs(context).get((_GATE, "notices"))
    file = Path(notices.uri) / "notices.json" if notices else None
    return json.loads(file.read_text()) if file and file.is_file() else []


def _day(record: RunRecord) -> str:
    return f"{record.started:%Y-%m-%d}"


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days <= _FAR:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of days from 0 to {_FAR}")
    return days
