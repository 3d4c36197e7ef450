"""Changes lines under ``features`` in a config's text; everything else, comments included, stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from pipeline.init.judging.treatment import seen
from pipeline.init.plan import Decisions
from pipeline.init.updating.differences import GONE, NEW, TYPE, Difference
from pipeline.init.writing.config_text import feature_line, flow, left_out_line


def changed(text: str, decisions: Decisions, changes: Sequence[Difference]) -> str:
    """The config's text with lines for new columns and other types, and without those that are gone.

    Args:
        text: the config.
        decisions: what the new lines say.
        changes: what differs.
    """
    gone = [change.column for change in changes if change.what == GONE]
    text = _without_slices(text, gone) if gone else text
    features = _section(text, "features")
    if features is None:
        return text
    lines = text.splitlines()
    places = {key.value: (key.start_mark.line, _last_line(value)) for key, value in features.value}
    end = max(last for _, last in places.values())
    added: list[str] = []
    replaced: dict[int, list[str]] = {}
    for change in changes:
        first, last = places.get(change.column, (-1, -1))
        if change.what == NEW:
            added.append(_line(change.column, decisions))
        elif change.what in (GONE, TYPE) and first >= 0:
            replaced |= {place: [] for place in range(first, last + 1)}
            comment = left_out_line(change.column, "the data have no such column any more", change.was)
            replaced[first] = [comment if change.what == GONE else _line(change.column, decisions)]
    found: list[str] = []
    for place, line in enumerate(lines):
        found += replaced.get(place, [line])
        if place == end:
            found += added
    return "\n".join(found) + "\n"


def _without_slices(text: str, gone: Sequence[str]) -> str:
    """The config's text without the slices of columns that are gone, where they stand on one line."""
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for name in ("gates", "evaluation", "slices"):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for key, value in pairs if key.value == name), None)
    if not isinstance(node, yaml.SequenceNode) or not node.flow_style:
        return text
    begin, end = node.start_mark.index, node.end_mark.index
    slices = yaml.safe_load(text[begin:end])
    return text[:begin] + flow([each for each in slices if not _reads(each, gone)]) + text[end:]


def _reads(entry: Any, columns: Sequence[str]) -> bool:
    """Whether a slice reads one of some columns."""
    several = entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else [entry]
    return any(column in several for column in columns)


def _line(name: str, decisions: Decisions) -> str:
    treatment, comment = decisions.treatments[name], seen(decisions.table.columns[name])
    if treatment.entry is None:
        return left_out_line(name, treatment.reason, comment)
    return feature_line(name, treatment.entry, comment)


def _section(text: str, name: str) -> yaml.MappingNode | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next((value for key, value in pairs if key.value == name), None)
    return found if isinstance(found, yaml.MappingNode) and found.value and not found.flow_style else None


def _last_line(node: yaml.Node) -> int:
    """The last line of a value; that of a block ends where the next token begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.line
