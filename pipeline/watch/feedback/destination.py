"""Which file the new span becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from components.example_gen import spans
from components.example_gen.reading import FileFormat
from components.example_gen.reading import data_files as of_pattern
from components.example_gen.rows.options import ByFiles
from pipeline.config.config import Config
from pipeline.config.data import Data
from pipeline.config.loading import ConfigError

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a span goes.

    Attributes:
        path: its file, which does not exist yet.
        span: its number; that of a date is its days since 1970.
        like: the newest file there is, whose columns the new one has.
        kind: the format of both.
    """

    path: Path
    span: int
    like: Path
    kind: FileFormat


def next_destination(config: Config, *, today: date) -> Destination:
    """The span after the newest one; of dates today, or the day after the newest.

    Raises:
        ConfigError: the data have no spans, or there is none whose columns could be taken.
    """
    data = config.data
    if not isinstance(data, Data) or isinstance(data.splits, ByFiles) or not spans.has_spans(data.files or ""):
        raise ConfigError("feedback: data.files names no span; it needs one, such as day-{SPAN}.csv.")
    if data.pictures or data.format == "pictures":
        raise ConfigError("feedback: the data are files of pictures, and requests hold pictures; no span is written.")
    pattern = data.files or ""
    glob = spans.glob(pattern)
    found = [path.relative_to(data.path).as_posix() for path in data.path.glob(glob)]
    found = of_pattern(glob, found, data.format)
    newest = spans.last(found, pattern)
    if newest is None:
        raise ConfigError(f"feedback: there is no {pattern} in {data.path} whose columns the new span could have.")
    span = max(newest + 1, (today - _EPOCH).days) if "{YYYY" in pattern else newest + 1
    return Destination(
        path=data.path / _plain(spans.named(pattern, span)),
        span=span,
        like=data.path / spans.newest(found, pattern)[-1],
        kind=data.format,
    )


def _plain(name: str) -> str:
    """A name without signs of patterns."""
    return re.sub(r"(\.\w+)\*$", r"\1", name).replace("*", "feedback").replace("?", "0")


def stage_of(config: Config) -> Path:
    """Where a span is written first: beside the data, with a name that no pattern of spans matches."""
    assert isinstance(config.data, Data)
    return config.data.path / ".feedback"
