"""Compares with earlier data without being told: every column that the model reads, the label, and the rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from components.gates.data.drift import distances
from components.gates.data.drift.distances import Distance
from components.gates.data.drift.limits import Action, Categories, Check, Limits, Missing, Numbers
from components.gates.data.drift.profile import LabelSeen, Profile, Side, class_shares
from components.gates.data.label_check import NUMERIC, Statistics
from components.gates.findings import DATASET, Finding, finding
from trainer.labels.config import Label


class Excess(NamedTuple):
    """What has changed more than a limit allows.

    Attributes:
        column: the column, or `DATASET`.
        check: the key of the check.
        finding: what it says and does.
    """

    column: str
    check: Check
    finding: Finding


class Compared(NamedTuple):
    """A split and what it is compared with.

    Attributes:
        split: its name.
        now: the split.
        before: what it is compared with.
        words: what that is, for messages.
    """

    split: str
    now: Side
    before: Side
    words: str

    def enough(self, limits: Limits) -> bool:
        """Whether both have the rows that a comparison needs."""
        return min(self.now.profile.rows, self.before.profile.rows) >= limits.min_rows


def changes_of_columns(
    compared: Compared, limits: Limits, *, columns: Collection[str], spared: Collection[str] = (), absent: bool = False
) -> Iterator[Excess]:
    """Which columns have changed.

    Args:
        compared: the two sides.
        limits: how far they may be apart.
        columns: the columns to compare.
        spared: columns whose distribution something else judges.
        absent: whether a column that the other side does not have is missing there; otherwise it is new, and left out.
    """
    now, before = compared.now, compared.before
    for name in columns:
        if absent or name in before.features:
            yield from _missing(compared, name, limits.missing)
        if name in now.features and name in before.features and name not in spared:
            yield from _distribution(compared, name, limits)


def changes_of_rows(compared: Compared, limits: Limits) -> Iterator[Excess]:
    """Whether there are many more rows, or many fewer."""
    now, before, factor = compared.now.profile.rows, compared.before.profile.rows, limits.rows.factor
    if max(now, before) >= limits.min_rows and max(now / before, before / now) > factor:
        text = f"has {now:,} rows, but {before:,} in {compared.words}, more than a factor of {factor:g}"
        yield _change(compared, DATASET, "rows", text, limits.rows.action)


def changes_of_duplicates(compared: Compared, limits: Limits) -> Iterator[Excess]:
    """Whether more rows repeat others."""
    (now, rows), (before, before_rows) = _repeated(compared.now.profile), _repeated(compared.before.profile)
    if now is None or before is None:
        return
    moved, limit = distances.share(now, rows, before, before_rows), limits.duplicates.limit
    if now / rows > before / before_rows and moved.exceeds(limit):
        shares = f"{now / rows:.1%} of the rows repeat others, but {before / before_rows:.1%}"
        text = f"{shares} in {compared.words}, {_more(moved, limit)}"
        yield _change(compared, DATASET, "duplicates", text, limits.duplicates.action)


def changes_of_label(compared: Compared, limits: Limits, label: Label) -> Iterator[Excess]:
    """Whether the labels are others."""
    now, before = compared.now.profile.label, compared.before.profile.label
    if now is None or before is None:
        return
    text = _classes(compared, now, before, limits, label) if now.classes else _mean(compared, now, before, limits)
    if text:
        yield _change(compared, label.column, "label", f"the label {text}", limits.label.action)


def _classes(compared: Compared, now: LabelSeen, before: LabelSeen, limits: Limits, label: Label) -> str:
    sizes = sum(now.classes), sum(before.classes)
    if len(now.classes) != len(before.classes) or not all(sizes):
        return ""
    moved = [
        distances.share(count, sizes[0], earlier, sizes[1])
        for count, earlier in zip(now.classes, before.classes, strict=True)
    ]
    worst = max(range(len(moved)), key=lambda index: moved[index].value - moved[index].chance)
    # Of two classes, the second one is what the label is about.
    worst = 1 if len(moved) == 2 else worst
    if not moved[worst].exceeds(limits.label.limit):
        return ""
    name, limit = label.class_names()[worst], limits.label.limit
    shares = f"{class_shares(now)[worst]:.1%}, but in {class_shares(before)[worst]:.1%}"
    return f"is {name!r} in {shares} in {compared.words}, {_more(moved[worst], limit)}"


def _mean(compared: Compared, now: LabelSeen, before: LabelSeen, limits: Limits) -> str:
    rows = compared.now.counted, compared.before.counted
    moved = distances.mean(now.mean, rows[0], before.mean, rows[1], before.deviation)
    if not moved.exceeds(limits.label.mean):
        return ""
    means = f"has the mean {now.mean:.4g}, but {before.mean:.4g} in {compared.words}"
    return f"{means}, {moved.value:.2g} standard deviations away, {_more(moved, limits.label.mean)}"


def _missing(compared: Compared, name: str, missing: Missing) -> Iterator[Excess]:
    rows, before_rows = compared.now.counted, compared.before.counted
    now = distances.missing_rows(compared.now.features.get(name), rows)
    before = distances.missing_rows(compared.before.features.get(name), before_rows)
    moved = distances.share(now, rows, before, before_rows)
    if moved.exceeds(missing.limit):
        shares = f"{now / rows:.1%}, but in {before / before_rows:.1%}"
        text = f"is missing in {shares} in {compared.words}, {_more(moved, missing.limit)}"
        yield _change(compared, name, "missing", text, missing.action)


def _distribution(compared: Compared, name: str, limits: Limits) -> Iterator[Excess]:
    now, before = compared.now.features[name], compared.before.features[name]
    if now.type in NUMERIC and before.type in NUMERIC:
        yield from _moved(compared, name, "numbers", distances.of_numbers(now, before), limits.numbers)
    elif now.type == before.type == Statistics.STRING:
        yield from _moved(compared, name, "categories", distances.of_categories(now, before), limits.categories)


def _moved(
    compared: Compared, name: str, check: Check, moved: Distance | None, given: Numbers | Categories
) -> Iterator[Excess]:
    if moved and moved.exceeds(given.limit):
        text = f"has moved by {moved.value:.2g} from {compared.words} ({moved.words}), {_more(moved, given.limit)}"
        yield _change(compared, name, check, text, given.action)


def _more(moved: Distance, limit: float) -> str:
    """The limit in words, with chance where it is worth a word."""
    return f"more than {limit:g}" + (f" and {moved.chance:.2g} for chance" if moved.chance > limit / 10 else "")


def _change(compared: Compared, column: str, check: Check, text: str, action: Action) -> Excess:
    return Excess(
        column, check, finding(compared.split, column, f"DRIFT_{check.upper()}", text, refuses=action == "block")
    )


def _repeated(profile: Profile) -> tuple[int | None, int]:
    """The rows that repeat others, None if they were not counted; and all rows."""
    return None if profile.distinct is None else profile.rows - profile.distinct, profile.rows
