"""What the newest windows say: quiet, a reason to retrain, or an alarm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipeline.config.operate.watch import Fall, Limit, Watch
from pipeline.watch.judging.windows import Moved, Window

Kind = Literal["retrain", "alarm"]
QUIET, RETRAIN, ALARM = 0, 10, 3


@dataclass(frozen=True, kw_only=True)
class WatchFinding:
    """What is beyond a limit.

    Attributes:
        kind: whether a new model or a person is called for.
        check: the key of the limit below ``watch``; ``reference`` where there is nothing to compare with.
        column: the column; empty where it is about no single one.
        start: of the window, seconds since 1970.
        version: whose requests or answers it is about.
        value: what was found.
        limit: what it is beyond.
        text: in words, one line.
    """

    kind: Kind
    check: str
    column: str
    start: int
    version: int
    value: float
    limit: float
    text: str

    @property
    def about_the_model(self) -> bool:
        """Whether a new model may be the answer; it is none to broken requests."""
        return self.check in ("numbers", "categories", "unseen", "predictions", "quality")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The state of the newest windows.

    Attributes:
        findings: what is beyond a limit, alarms first.
        notices: what could not be judged, and why.
        judged: start of the window whose requests were judged; None if there is none.
    """

    findings: Sequence[WatchFinding]
    notices: Sequence[str]
    judged: int | None

    @property
    def code(self) -> int:
        """The exit code."""
        kinds = {finding.kind for finding in self.findings}
        return ALARM if "alarm" in kinds else RETRAIN if kinds else QUIET

    @property
    def word(self) -> str:
        """The same in a word."""
        return {QUIET: "quiet", RETRAIN: "retrain", ALARM: "alarm"}[self.code]


def judge(windows: Sequence[Window], watch: Watch) -> Verdict:
    """Judge the newest windows that are over and large enough: one by its requests, one by its labels.

    Args:
        windows: the oldest first.
        watch: the limits.
    """
    over = [window for window in windows if window.over or watch.judge_open]
    large = [window for window in over if window.rows >= watch.min_rows]
    asked = large[-1] if large else None
    known = [window for window in over if window.quality and window.quality.live.rows >= watch.quality.min_labels]
    findings, notices = [], []
    if asked is None:
        notices.append(
            f"no {watch.window} that is over has {watch.min_rows:,} rows (watch.min_rows): nothing is judged"
        )
    else:
        findings += of_requests(asked, watch)
        notices += _gaps(asked)
    if known:
        findings += of_labels(known[-1], watch)
        notices += _unknown_quality(known[-1])
    elif any(window.labels.known for window in windows):
        few = watch.quality.min_labels
        notices.append(
            f"no {watch.window} that is over has {few:,} labels (watch.quality.min_labels): quality is not judged"
        )
    findings.sort(key=lambda finding: (finding.kind != "alarm", -finding.value / (finding.limit or 1)))
    return Verdict(findings=findings, notices=notices, judged=asked.start if asked else None)


def of_requests(window: Window, watch: Watch) -> list[WatchFinding]:
    """What is beyond a limit in the requests of a window and in the answers."""
    words = "of the rows are broken: they cannot be read, or were answered with no numbers"
    found = [*_share(window, "broken", watch.broken, window.broken, window.rows, words)]
    if window.reference is None:
        return [*found, _nothing_known(window)]
    wrong = window.scan.mistyped
    found += _share(window, "broken", watch.broken, wrong, window.kept, "of the rows have values of another type")
    names = ", ".join(sorted(window.scan.unknown)[:3])
    words = f"of the rows have columns that the data do not have, such as {names}"
    found += _share(window, "unknown", watch.unknown, window.scan.strangers, window.kept, words)
    for column in window.columns:
        found += _column(window, column, watch)
    if window.predictions:
        moved, version = window.predictions, window.version
        for kind, limit in _limits(watch.predictions):
            if moved.exceeds(limit):
                words = f"have moved by {moved.value:.2g} from those on the eval split ({moved.words})"
                text = f"the predictions of version {version} {words}, more than {limit:g}"
                found.append(_finding(window, kind, "predictions", "", moved.value, limit, text))
                break
    return found


def of_labels(window: Window, watch: Watch) -> list[WatchFinding]:
    """What is beyond a limit in the labels of a window."""
    labels, quality, level = window.labels, window.quality, watch.quality.level
    given = labels.known + labels.contradicted
    found = [
        *_share(window, "contradicted", watch.contradicted, labels.contradicted, given, "of the labels have two values")
    ]
    for kind, limit in _limits(watch.quality):
        if quality and quality.sure_fall(level) > limit:
            low, high = quality.live.interval(level)
            now = f"{quality.live.value:.4f} ({low:.4f} to {high:.4f}, {quality.live.rows:,} labels)"
            was = quality.pushed.value if quality.pushed else math.nan
            text = f"{quality.metric} of version {window.version} is {now}, was {was:.4f} at the push"
            text += f": worse by {quality.fall:.3g}, surely by {quality.sure_fall(level):.3g}, more than {limit:g}"
            found.append(_finding(window, kind, "quality", "", quality.fall, limit, text))
            break
    return found


def _column(window: Window, column: Moved, watch: Watch) -> Iterator[WatchFinding]:
    reference = window.reference
    moving = reference is not None and column.name in reference.moving
    data = f"the training data of version {window.version}"
    for kind, limit in _limits(watch.missing):
        if column.missing_moved.exceeds(limit):
            text = f"{column.name}: is missing in {column.missing:.1%}, {column.missing_moved.value:.1%} from {data}"
            yield _finding(window, kind, "missing", column.name, column.missing_moved.value, limit, text)
            break
    if moving:
        return
    check, given = ("numbers", watch.numbers) if column.numeric else ("categories", watch.categories)
    for kind, limit in _limits(given):
        if column.skew and column.skew.exceeds(limit):
            text = f"{column.name}: has moved by {column.skew.value:.2g} from {data} ({column.skew.words})"
            text += f", more than {limit:g}"
            yield _finding(window, kind, check, column.name, column.skew.value, limit, text)
            break
    for kind, limit in _limits(watch.unseen):
        if column.unseen is not None and column.unseen > limit:
            text = f"{column.name}: {column.unseen:.1%} of the values are not in {data}"
            yield _finding(window, kind, "unseen", column.name, column.unseen, limit, text)
            break


def _share(window: Window, check: str, limits: Limit, count: int, rows: int, words: str) -> Iterator[WatchFinding]:
    for kind, limit in _limits(limits):
        if rows and count / rows > limit:
            yield _finding(window, kind, check, "", count / rows, limit, f"{count:,} ({count / rows:.1%}) {words}")
            return


def _limits(limits: Limit | Fall) -> Iterator[tuple[Kind, float]]:
    """The limits that are set, the graver one first."""
    if limits.alarm is not None:
        yield "alarm", limits.alarm
    if limits.retrain is not None:
        yield "retrain", limits.retrain


def _nothing_known(window: Window) -> WatchFinding:
    who = f"version {window.version}" if window.version else "a version that the answers do not name"
    text = f"{who} answered, and nothing is known of what it was trained on: no drift is seen"
    return _finding(window, "alarm", "reference", "", math.inf, 0, text)


def _gaps(window: Window) -> Iterator[str]:
    if window.reference and window.predictions is None:
        yield f"no predictions of version {window.version} on its eval split are kept: theirs are not compared"
    if window.undated:
        yield f"{window.undated:,} records of {day(window.start)} have no time: that of their file stands for it"


def _unknown_quality(window: Window) -> Iterator[str]:
    quality = window.quality
    if quality and not math.isfinite(quality.sure_fall(0.95)):
        why = "was not kept at the push" if quality.pushed is None else "has no value, or no interval, in these rows"
        yield f"{quality.metric} of version {window.version} {why}: no fall is seen"


def _finding(
    window: Window, kind: Kind, check: str, column: str, value: float, limit: float, text: str
) -> WatchFinding:
    return WatchFinding(
        kind=kind,
        check=check,
        column=column,
        start=window.start,
        version=window.version,
        value=value,
        limit=limit,
        text=f"{day(window.start)}: {text}",
    )


def day(start: int) -> str:
    """A window in words: its day, and its hour where that says more."""
    time = datetime.fromtimestamp(start, UTC)
    return f"{time:%Y-%m-%d}" if not time.hour else f"{time:%Y-%m-%d %H:%M}"
