"""What a look at the requests found, as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from components.gates.data.drift.distances import Distance
from pipeline.config.config import Config
from pipeline.watch.judging.quality import Quality
from pipeline.watch.judging.verdict import Verdict, WatchFinding
from pipeline.watch.judging.windows import Moved, Window


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at the requests.

    Attributes:
        config: the pipeline.
        time: seconds since 1970.
        new: int, records that were new.
        windows: all that are kept, the oldest first.
        verdict: of the newest.
        problems: files and servers that could not be read, in words.
        labels: int, all labels that are known, whether their request is or not.
        damaged: int, files of the log whose rest cannot be read.
    """

    config: Config
    time: float
    new: int
    windows: Sequence[Window]
    verdict: Verdict
    problems: Sequence[str]
    labels: int
    damaged: int

    @property
    def notices(self) -> list[str]:
        """All that could not be seen."""
        some = "a file" if self.damaged == 1 else f"{self.damaged:,} files"
        files = [f"the rest of {some} of the log is damaged, and lost"] if self.damaged else []
        return [*self.problems, *files, *self.verdict.notices]

    @property
    def judged(self) -> Window | None:
        """The window whose requests were judged."""
        return next((window for window in self.windows if window.start == self.verdict.judged), None)

    @property
    def labelled(self) -> Window | None:
        """The newest window whose quality can be judged."""
        few, open_too = self.config.watch.quality.min_labels, self.config.watch.judge_open
        found = [one for one in self.windows if (one.over or open_too) and one.quality and one.quality.live.rows >= few]
        return found[-1] if found else None


def document(look: Look) -> dict[str, Any]:
    """The look as plain values."""
    return {
        "pipeline": look.config.name,
        "model": look.config.serving.model_name,
        "time": _time(look.time),
        "verdict": look.verdict.word,
        "code": look.verdict.code,
        "new_records": look.new,
        "judged": _time(look.judged.start) if look.judged else None,
        "findings": [_finding(one) for one in look.verdict.findings],
        "notices": look.notices,
        "labels": look.labels,
        "damaged_files": look.damaged,
        "windows": [_window(one, look.config.watch.quality.level) for one in look.windows],
    }


def _finding(finding: WatchFinding) -> dict[str, Any]:
    return {**asdict(finding), "start": _time(finding.start), "about_the_model": finding.about_the_model}


def _window(window: Window, level: float) -> dict[str, Any]:
    return {
        "start": _time(window.start),
        "over": window.over,
        "requests": window.records,
        "requests_estimated": round(window.asked),
        "rows": window.rows,
        "rows_looked_at": window.kept,
        "broken": window.broken + window.scan.mistyped,
        "undated": window.undated,
        "versions": {str(version): rows for version, rows in window.versions.items()},
        "version": window.version,
        "known": window.reference is not None,
        "unknown_columns": dict(window.scan.unknown),
        "columns": {column.name: _column(column) for column in window.columns},
        "predictions": _distance(window.predictions),
        "labels": asdict(window.labels),
        "quality": _quality(window.quality, level),
        "latency_ms": asdict(window.latency) if window.latency else None,
    }


def _column(column: Moved) -> dict[str, Any]:
    return {
        "missing": column.missing,
        "missing_moved": _distance(column.missing_moved),
        "skew": _distance(column.skew),
        "drift": _distance(column.drift),
        "unseen": column.unseen,
    }


def _distance(distance: Distance | None) -> Mapping[str, Any] | None:
    return distance._asdict() if distance else None


def _quality(quality: Quality | None, level: float) -> Mapping[str, Any] | None:
    if quality is None:
        return None
    low, high = quality.live.interval(level)
    return {
        "metric": quality.metric,
        "value": quality.live.value,
        "low": low,
        "high": high,
        "labels": quality.live.rows,
        "pushed": quality.pushed.value if quality.pushed else None,
        "fall": quality.fall,
        "sure_fall": quality.sure_fall(level),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
