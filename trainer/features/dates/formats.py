"""How a column writes its dates, in the words of strptime: as replacements that make ISO text of it. No TensorFlow.

The same replacements run in the graph and in Arrow, since both have RE2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What each directive matches.
_PATTERNS = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{1,2}",
    "d": r"\d{1,2}",
    "b": r"[A-Za-z]{3,9}\.?",
    "B": r"[A-Za-z]{3,9}\.?",
    "H": r"\d{1,2}",
    "I": r"0?[1-9]|1[0-2]",
    "M": r"\d{2}",
    "S": r"\d{2}(?:\.\d+)?",
    "p": r"[AaPp]\.?[Mm]\.?",
    "z": r"Z|UTC|[+-]\d{2}:?\d{2}",
}
# Numbers without anything between them, so each has all of its digits.
_TIGHT = re.compile("%[YymdH]%[ymdHMS]")
_MONTHS = (
    "jan|uary",
    "feb|ruary",
    "mar|ch",
    "apr|il",
    "may|",
    "jun|e",
    "jul|y",
    "aug|ust",
    "sep|t(?:ember)?",
    "oct|ober",
)
_MONTHS += ("nov|ember", "dec|ember")
# Of the two-digit years, those from here on are of the century before, as POSIX has it.
_CENTURY = r"69|[7-9]\d"
# Around what a format has read; no text that it refuses begins like this.
_READ = "="


def check(given: str) -> str:
    """The format, if it says year, month and day once each, and knows the hour that a minute belongs to.

    Raises:
        ValueError: it does not; says what is wrong.
    """
    found = re.findall(r"%(.?)", given)
    if unknown := [letter for letter in found if letter not in _PATTERNS]:
        known = " ".join(f"%{letter}" for letter in _PATTERNS)
        raise ValueError(f"%{unknown[0]} is not known; {known} are")
    for letters, what in (("Yy", "year"), ("mbB", "month"), ("d", "day")):
        if sum(letter in letters for letter in found) != 1:
            raise ValueError(f"needs one of {' '.join(f'%{letter}' for letter in letters)} for the {what}")
    twice = {letter for letter in found if found.count(letter) > 1}
    if twice or {"H", "I"} <= set(found):
        raise ValueError(f"says the {'hour' if not twice else f'%{min(twice)}'} twice")
    if ("I" in found) != ("p" in found):
        raise ValueError("%I and %p belong together")
    if {"M", "S", "z"} & set(found) and not {"H", "I"} & set(found):
        raise ValueError("needs %H or %I before minutes, seconds or a zone")
    if "S" in found and "M" not in found:
        raise ValueError("needs %M before %S")
    return given


def replacements(given: str) -> Iterator[tuple[str, str]]:
    """Patterns and what replaces them, one after the other; text of another format becomes ``?``, missing text stays.

    Args:
        given: a format that passes `check`.
    """
    pattern, groups = _pattern(given)

    def group(letters: str) -> str:
        return next((rf"\{groups[letter]}" for letter in letters if letter in groups), "")

    year = group("Y") or rf"~{group('y')}"
    iso = f"{_READ}{year}-{group('mbB')}-{group('d')}"
    if hour := group("HI"):
        iso += f" {hour}:{group('M') or '00'}" + (f":{group('S')}" if "S" in groups else "") + group("z")
    yield rf"(?s)^{_READ}.*$", "?"
    yield pattern, iso + (f"#{group('p')}" if "p" in groups else "")
    yield rf"(?s)^[^{_READ}].*$", "?"
    if {"b", "B"} & groups.keys():
        for number, name in enumerate(_MONTHS, 1):
            short, _, rest = name.partition("|")
            yield rf"(?i)-{short}(?:{rest})?\.?-", f"-{number:02d}-"
    # RE2 reads \10 as the first group and a zero.
    yield r"([ :-])(\d)\b", r"\10\2"
    if "y" in groups:
        yield rf"^{_READ}~({_CENTURY})", rf"{_READ}19\1"
        yield rf"^{_READ}~", f"{_READ}20"
    if "p" in groups:
        yield r"(?i) 12(:.*)#a.*$", r" 00\1"
        for hour in range(1, 12):
            yield rf"(?i) {hour:02d}(:.*)#p.*$", rf" {hour + 12}\1"
        yield r"#.*$", ""
    yield f"^{_READ}", ""


def _pattern(given: str) -> tuple[str, dict[str, int]]:
    """What text of the format matches, and the groups of its directives."""
    groups: dict[str, int] = {}
    pattern = r"^\s*"
    digits = "{2}" if _TIGHT.search(given) else "{1,2}"
    for piece in re.findall(r"%.|\s+|[^%\s]+", given):
        if not piece.startswith("%"):
            pattern += r"\s+" if piece.isspace() else re.escape(piece)
            continue
        groups[piece[1]] = len(groups) + 1
        pattern += f"({_PATTERNS[piece[1]].replace('{1,2}', digits)})"
    return pattern + r"\s*$", groups
