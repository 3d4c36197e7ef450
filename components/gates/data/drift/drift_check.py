"""What has changed since earlier data, and what differs from the requests: by the schema, and by default."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.example_gen.rows.options import TRAIN
from components.gates.data.drift import by_default, by_schema
from components.gates.data.drift.by_default import Compared, Excess
from components.gates.data.drift.earlier import STATISTICS_FILE, Earlier, read_statistics
from components.gates.data.drift.exceptions import without_accepted
from components.gates.data.drift.limits import Limits
from components.gates.data.drift.profile import Side
from components.gates.findings import Finding, notice
from trainer.labels.config import Label

_ACCEPT = "accept it with gates.data.drift.exceptions"


class Current(NamedTuple):
    """The data of a run.

    Attributes:
        statistics: folder of their statistics.
        splits: names of the splits.
        sides: the splits that have rows.
        label: the label.
        columns: the columns that the model reads, without those that change by nature.
    """

    statistics: str
    splits: Sequence[str]
    sides: Mapping[str, Side]
    label: Label
    columns: Collection[str]

    def statistics_of(self, split: str) -> statistics_pb2.DatasetFeatureStatisticsList:
        """The statistics of a split, as TFDV compares them."""
        return read_statistics(f"{self.statistics}/Split-{split}/{STATISTICS_FILE}")


def drift_findings(
    current: Current, earlier: Earlier | None, *, schema: schema_pb2.Schema, limits: Limits
) -> Iterator[Finding]:
    """Where the data have drifted, and what could not be compared.

    Args:
        current: the data.
        earlier: what to compare with; None if there is nothing.
        schema: the curated schema.
        limits: how far the data may have drifted.
    """
    wanted = by_schema.DRIFT.columns(schema)
    if earlier is None:
        if wanted:
            yield by_schema.DRIFT.nothing_to_compare(wanted, "no served model was trained on earlier data")
        return
    for split in current.splits:
        before = earlier.splits.get(split)
        if before is None:
            yield _no_such_split(wanted, split, earlier.words)
        elif wanted:
            yield from by_schema.compare(
                current.statistics_of(split),
                before.statistics,
                split=split,
                schema=schema,
                comparators=by_schema.DRIFT,
                words=earlier.words,
            )
    changes: list[Excess] = []
    for compared in _pairs(current, earlier):
        changes += by_default.changes_of_rows(compared, limits)
        if not compared.enough(limits):
            yield _too_few(compared, limits)
            continue
        changes += by_default.changes_of_columns(compared, limits, columns=current.columns, spared=wanted)
        changes += by_default.changes_of_label(compared, limits, current.label)
        changes += by_default.changes_of_duplicates(compared, limits)
    yield from _findings(changes, limits, skew=False)


def skew_findings(
    current: Current, requests: Earlier | None, *, schema: schema_pb2.Schema, limits: Limits
) -> Iterator[Finding]:
    """Where the rows that the model learns from differ from those that it is asked about.

    Args:
        current: the data.
        requests: the newest requests in place of train, without it if none are logged; None if the config names no log.
        schema: the curated schema.
        limits: how far they may be apart.
    """
    wanted = by_schema.SKEW.columns(schema)
    if requests is None:
        if wanted:
            yield by_schema.SKEW.nothing_to_compare(wanted, "gates.data.requests names no log")
        return
    asked = requests.splits.get(TRAIN)
    if asked is None:
        why = "gates.data.requests has no logged requests"
        yield by_schema.SKEW.nothing_to_compare(wanted, why) if wanted else notice(why)
        return
    compared = next(_pairs(current, requests), None)
    if compared is None or not compared.enough(limits):
        yield notice(f"{asked.profile.rows:,} logged rows are too few to compare with (gates.data.drift.min_rows)")
        return
    if wanted:
        yield from by_schema.compare(
            current.statistics_of(TRAIN),
            asked.statistics,
            split=TRAIN,
            schema=schema,
            comparators=by_schema.SKEW,
            words=requests.words,
            refuses=limits.skew.action == "block",
        )
    columns = [name for name in current.columns if name not in wanted]
    changes = by_default.changes_of_columns(compared, limits, columns=columns, absent=True)
    yield from _findings([_as_skew(change, limits) for change in changes], limits, skew=True)


def _pairs(current: Current, earlier: Earlier) -> Iterator[Compared]:
    for split, now in current.sides.items():
        if split in earlier.splits:
            yield Compared(split, now, earlier.splits[split].side(), earlier.words)


def _no_such_split(wanted: Collection[str], split: str, words: str) -> Finding:
    if wanted:
        return by_schema.DRIFT.nothing_to_compare(wanted, f"{words} have no {split} split")
    return notice(f"{split} has nothing to compare with: {words} have no {split} split")


def _too_few(compared: Compared, limits: Limits) -> Finding:
    rows = f"{compared.now.profile.rows:,} rows now, {compared.before.profile.rows:,} in {compared.words}"
    return notice(
        f"{compared.split}: {rows}; fewer than {limits.min_rows:,} are not compared (gates.data.drift.min_rows)"
    )


def _as_skew(change: Excess, limits: Limits) -> Excess:
    """The same, with the names and the action of comparisons with requests."""
    names = frozenset(name.replace(":DRIFT_", ":SKEW_") for name in change.finding.names)
    text = change.finding.text.replace("(DRIFT_", "(SKEW_")
    found = change.finding._replace(text=text, names=names, refuses=limits.skew.action == "block")
    return Excess(change.column, "skew", found)


def _findings(changes: Sequence[Excess], limits: Limits, *, skew: bool) -> Iterator[Finding]:
    exceptions = [each for each in limits.exceptions if (each.check == "skew") == skew]
    for found in without_accepted(changes, exceptions, today=datetime.now(UTC).date()):
        yield found._replace(way_out=_ACCEPT) if found.names else found
