"""The newest spans among files: ``day-{SPAN}/*.csv`` or ``{YYYY}-{MM}-{DD}.csv``, in TFX's notation."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

# What TFX calls a span, a version, or a date; a number after a colon is its width.
_SPEC = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)(?::(\d+))?\}")
_WIDTHS = {"YYYY": 4, "MM": 2, "DD": 2}


def has_spans(pattern: str) -> bool:
    """Whether a pattern names spans."""
    return bool(_SPEC.search(pattern))


def glob(pattern: str) -> str:
    """A pattern with ``*`` for every span, version and part of a date."""
    return _SPEC.sub("*", pattern)


def newest(paths: Iterable[str], pattern: str, *, count: int = 1, until: int | None = None) -> list[str]:
    """The files of the newest spans, in order; of each span only those of the newest version.

    Args:
        paths: all files, below the pattern's folder.
        pattern: the pattern, with no other signs than ``*`` and ``?``; without spans, all files are returned.
        count: how many spans.
        until: number of the last span that counts; that of a date is its days since 1970. None takes all.
    """
    if not has_spans(pattern):
        return sorted(paths)
    regex = re.compile(_regex(pattern))
    # By span, then by version.
    found: dict[int, dict[int, list[str]]] = {}
    for path in sorted(paths):
        match = regex.fullmatch(path)
        if match is None:
            continue
        span = _number(match.groupdict())
        if span is not None and (until is None or span <= until):
            found.setdefault(span, {}).setdefault(int(match.groupdict().get("VERSION") or 0), []).append(path)
    spans = [found[span] for span in sorted(found)[-count:]]
    return [path for versions in spans for path in versions[max(versions)]]


def last(paths: Iterable[str], pattern: str) -> int | None:
    """The number of the newest span; None if there is none.

    Args:
        paths: all files, below the pattern's folder.
        pattern: a pattern with spans.
    """
    regex = re.compile(_regex(pattern))
    found = [_number(match.groupdict()) for path in paths if (match := regex.fullmatch(path))]
    return max((span for span in found if span is not None), default=None)


def named(pattern: str, span: int) -> str:
    """The pattern with a span in it, in its version 1; other signs stay.

    Args:
        pattern: a pattern with spans.
        span: its number; that of a date is its days since 1970.
    """
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=span if "{YYYY" in pattern else 0)
    values = {"SPAN": span, "VERSION": 1, "YYYY": day.year, "MM": day.month, "DD": day.day}
    return _SPEC.sub(lambda spec: str(values[spec[1]]).zfill(int(spec[2] or _WIDTHS.get(spec[1], 1))), pattern)


def _number(parts: dict[str, str]) -> int | None:
    """A span's number as TFX counts; None if it is no date."""
    if "YYYY" not in parts:
        return int(parts.get("SPAN") or 0)
    try:
        day = datetime.date(int(parts["YYYY"]), int(parts["MM"]), int(parts["DD"]))
    except ValueError:
        return None
    return (day - datetime.date(1970, 1, 1)).days


def _regex(pattern: str) -> str:
    """A regular expression with a group for each part; a part that comes again must be the same."""
    parts, seen, start = [], set(), 0
    for spec in _SPEC.finditer(pattern):
        name, width = spec[1], spec[2] or _WIDTHS.get(spec[1])
        digits = rf"\d{{{width}}}" if width else r"\d+"
        parts += [
            _glob_regex(pattern[start : spec.start()]),
            f"(?P={name})" if name in seen else f"(?P<{name}>{digits})",
        ]
        seen.add(name)
        start = spec.end()
    return "".join([*parts, _glob_regex(pattern[start:])])


def _glob_regex(text: str) -> str:
    signs = {"*": "[^/]*", "?": "[^/]"}
    return "".join(signs.get(character, re.escape(character)) for character in text)
