"""What the data say about the features: whether each column holds what its kind reads.

The statistics decide where they can; for the rest, such as text that is no date, the examples are read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.gates.data.feature_rows import count_failing
from components.gates.data.label_check import NUMERIC, Statistics, split_statistics
from components.gates.findings import Finding, finding
from components.messages import did_you_mean, known_names, shown
from trainer.features.columns import Features
from trainer.features.faults import RowTest, Seen
from trainer.features.kind import Kind

_DTYPES = {Statistics.INT: "int64", Statistics.FLOAT: "float32"}


def feature_findings(
    statistics: str,
    examples: str,
    *,
    splits: Sequence[str],
    features: Features | None,
    others: Collection[str],
    complete: Collection[str],
) -> Iterator[Finding]:
    """What is wrong with the columns that the model reads, or worth knowing about them.

    Args:
        statistics: folder of an ExampleStatistics artifact.
        examples: folder of the Examples artifact that they describe.
        splits: names of the splits to check.
        features: the configured features; None means every column but ``others``, by its type.
        others: the columns of the label and the example weight.
        complete: the columns that have a value in each row, as the schema says.
    """
    for split in splits:
        rows, seen = split_statistics(statistics, split)
        if not rows:
            continue
        wanted = features or _inferred(seen, others)
        names = wanted.names() if features else sorted(set(seen) - set(others))
        yield from _missing(split, rows, names, seen)
        yield from _incomplete(split, rows, [name for name in names if name in complete], seen)
        tests: dict[tuple[str, int], RowTest] = {}
        for feature, source, options in _readings(wanted, seen):
            found = _seen(seen[source], complete=source in complete)
            faults = list(options.faults(found))
            where = "" if feature == source else f"in {feature}, "
            yield from (finding(split, source, fault.reason, where + fault.text) for fault in faults)
            if not faults and (test := options.row_test(found)):
                tests[source, len(tests)] = test
        yield from _found_in_rows(f"{examples}/Split-{split}", split, tests, seen)


def _inferred(seen: Mapping[str, Statistics], others: Collection[str]) -> Features:
    """As Transform will choose them; a column without any value has no type yet."""
    return Features.infer(
        {
            name: _DTYPES.get(feature.type, "string")
            for name, feature in seen.items()
            if name not in others and _common(feature).tot_num_values
        }
    )


def _missing(split: str, rows: int, names: Sequence[str], seen: Mapping[str, Statistics]) -> Iterator[Finding]:
    present = {name for name, feature in seen.items() if _common(feature).tot_num_values}
    for name in names:
        if name not in seen:
            near = did_you_mean(present, like=name)
            text = f"is in no row, but features names it; {near}there are {known_names(present, like=name)}"
            yield finding(split, name, "COLUMN_MISSING", text)
        elif name not in present:
            yield finding(split, name, "COLUMN_EMPTY", f"has no value in any of {rows:,} rows", refuses=False)


def _incomplete(split: str, rows: int, complete: Sequence[str], seen: Mapping[str, Statistics]) -> Iterator[Finding]:
    """Values that are missing where Transform, which reads the schema, relies on them. Nothing allows that."""
    for name in complete:
        common = _common(seen[name]) if name in seen else None
        missing = rows - int(common.tot_num_values) if common else 0
        if common and missing > 0 and common.max_num_values <= 1:
            text = (
                f"has no value in {missing:,} of {rows:,} rows, but a shape in the schema, so that Transform cannot "
                "read such rows; drop the shape there and lower the presence, or leave the rows out with data.where"
            )
            yield finding(split, name, "COLUMN_INCOMPLETE", text)._replace(names=frozenset())


def _readings(features: Features, seen: Mapping[str, Statistics]) -> Iterator[tuple[str, str, Kind]]:
    for column in features.columns():
        for source, options in column.readings:
            if source in seen and _common(seen[source]).tot_num_values:
                yield column.name, source, options


def _found_in_rows(
    folder: str, split: str, tests: Mapping[tuple[str, int], RowTest], seen: Mapping[str, Statistics]
) -> Iterator[Finding]:
    if not tests:
        return
    for (source, _), failing in count_failing(folder, tests=tests, features=seen).items():
        if failing.rows:
            test = tests[source, _]
            share = failing.rows / failing.all
            text = (
                f"{failing.rows:,} of {failing.all:,} rows ({share:.2%}), such as {shown(failing.first)}, {test.text}"
            )
            yield finding(split, source, test.reason, text, refuses=test.refuses)


def _seen(feature: Statistics, *, complete: bool) -> Seen:
    common, is_number = _common(feature), feature.type in NUMERIC
    numbers, words = feature.num_stats, feature.string_stats.rank_histogram.buckets
    return Seen(
        kind={Statistics.INT: "INT", Statistics.FLOAT: "FLOAT"}.get(feature.type, "BYTES"),
        fewest=int(common.min_num_values),
        most=int(common.max_num_values),
        span=(numbers.min, numbers.max) if is_number else None,
        sample=f"{numbers.max:g}" if is_number else shown(words[0].label if words else ""),
        complete=complete,
    )


def _common(feature: Statistics) -> statistics_pb2.CommonStatistics:
    return feature.num_stats.common_stats if feature.type in NUMERIC else feature.string_stats.common_stats
