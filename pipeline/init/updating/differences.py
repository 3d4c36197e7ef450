"""How data differ from a config and a schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.config.config import Config
from pipeline.init.judging.date_formats import is_date
from pipeline.init.judging.treatment import Treatment, figure, missing, said, seen
from pipeline.init.plan import Decisions
from pipeline.init.reading.profile import ColumnProfile
from pipeline.init.writing.schema_text import feature_of
from trainer.labels.config import Label

NEW, GONE, TYPE, KIND, VALUES, RANGE, MISSING = "new", "gone", "type", "kind", "new values", "range", "missing"
_SHOWN = 5


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        column: its column.
        what: which kind of difference.
        was: what config or schema say.
        now: what the data say.
        apply: changes a schema so that the data fit.
    """

    column: str
    what: str
    was: str
    now: str
    apply: Callable[[schema_pb2.Schema], None]


def differences(decisions: Decisions, config: Config, schema: schema_pb2.Schema) -> Iterator[Difference]:
    """All differences, in the order of the data's columns.

    Args:
        decisions: what would be decided about the data alone.
        config: the pipeline's config.
        schema: its schema.
    """
    known = {feature.name: feature for feature in schema.feature}
    domains = {domain.name: domain for domain in schema.string_domain}
    for name, column in decisions.table.columns.items():
        treatment = decisions.treatments[name]
        if name not in known:
            yield Difference(name, NEW, "", _described(column, treatment), _replace(column, treatment))
            continue
        feature = known[name]
        if name == config.label.column:
            yield from _label(column, config)
        if changed := _type(column, feature):
            yield Difference(name, TYPE, changed, treatment.schema_type, _replace(column, treatment))
            continue
        yield from _kind(column, treatment, config)
        yield from _outside(column, feature, domains.get(feature.domain))
    for name in known:
        if name not in decisions.table.columns:
            yield Difference(name, GONE, schema_pb2.FeatureType.Name(known[name].type), "no such column", _remove(name))


def of_files(found: Mapping[str, Any], config: Config) -> Iterator[Difference]:
    """What the config does not say of how CSV files are written.

    Args:
        found: the section ``data`` as the data would have it.
        config: the pipeline's config.
    """
    known = config.data.csv.model_dump(mode="json")
    for key, value in (found.get("csv") or {}).items():
        more = [each for each in value if each not in known[key]] if key == "missing" else value
        if more and more != known[key]:
            key_of_config = f"data.csv.{key}"
            yield Difference(key_of_config, "option", said(known[key]), f"{said(more)}: set it by hand", _keep)


def _described(column: ColumnProfile, treatment: Treatment) -> str:
    how = " and ".join(treatment.kinds) or f"left out: {treatment.reason}"
    return f"{how} ({seen(column)})"


def _type(column: ColumnProfile, feature: schema_pb2.Feature) -> str:
    """The schema's type, if the data are of one that it cannot hold."""
    wanted = schema_pb2.FeatureType.Name(feature.type)
    whole = column.type == "FLOAT" and column.whole
    fits = {"INT": column.type == "INT" or whole, "FLOAT": column.type in ("INT", "FLOAT"), "BYTES": True}
    return "" if column.type == "UNKNOWN" or fits.get(wanted, True) else wanted


def _kind(column: ColumnProfile, treatment: Treatment, config: Config) -> Iterator[Difference]:
    entries = list(config.features.root.get(column.name, ())) if config.features else []
    kinds = [options.kind for options in entries]
    if kinds == ["date"] and column.type == "BYTES":
        # Of a few dates, several formats may fit; what counts is the config's.
        given = getattr(entries[0], "format", None)
        if strange := [text for text, _ in column.counts if not is_date(text, given)]:
            now = f"{said(strange[0])} is none; the config keeps its format"
            yield Difference(column.name, "dates", given or "2024-01-31", now, _keep)
    elif kinds and not set(kinds) & set(treatment.kinds):
        now = " and ".join(treatment.kinds) or f"left out: {treatment.reason}"
        yield Difference(column.name, KIND, " and ".join(kinds), f"{now}; the config keeps its kind", _keep)


def _label(column: ColumnProfile, config: Config) -> Iterator[Difference]:
    label = config.label
    if label.missing == "refuse" and column.missing:
        now = f"{missing(column)}: such rows are refused; label.missing: drop leaves them out"
        yield Difference(column.name, MISSING, "complete", now, _keep)
    if label.task == "regression" or label.above is not None or (column.type == "BYTES" and not _takes_text(label)):
        return
    unknown = [value for value, _ in column.counts if not label.of({column.name: value}) >= 0]
    if unknown:
        now = f"{', '.join(map(said, unknown[:_SHOWN]))}: change label.task or label.classes by hand"
        yield Difference(column.name, "classes", f"{len(label.class_names())} classes", now, _keep)
    elif column.distinct == 1:
        now = f"{said(column.counts[0][0])} alone, of which nothing can be learnt"
        yield Difference(column.name, "classes", f"{len(label.class_names())} classes", now, _keep)


def _takes_text(label: Label) -> bool:
    return label.values is not None or label.task == "binary"


def _outside(
    column: ColumnProfile, feature: schema_pb2.Feature, domain: schema_pb2.StringDomain | None
) -> Iterator[Difference]:
    name = column.name
    closed = domain if domain is not None else feature.string_domain
    if closed.value:
        known = set(closed.value)
        strange = {str(value): count for value, count in column.counts if str(value) not in known}
        if strange:
            more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
            share = sum(strange.values()) / max(1, column.present)
            now = f"{', '.join(map(said, list(strange)[:_SHOWN]))}{more} ({share:.1%} of the rows)"
            yield Difference(name, VALUES, f"{len(known)} values", now, _add_values(name, list(strange)))
    for key in ("int_domain", "float_domain"):
        limits = getattr(feature, key)
        if feature.HasField(key) and column.is_number:
            # As the schema and the examples hold them.
            held = _as_float32 if key == "float_domain" else int
            least, most = held(column.least), held(column.most)
            low = limits.min if limits.HasField("min") else least
            high = limits.max if limits.HasField("max") else most
            if least < low or most > high:
                now = f"{figure(column.least)} to {figure(column.most)}"
                yield Difference(name, RANGE, f"{figure(low)} to {figure(high)}", now, _widen(name, key, column))
    fewest = feature.presence.min_fraction
    if 1 - column.absent / column.rows < fewest:
        yield Difference(name, MISSING, f"at most {1 - fewest:.1%}", missing(column), _optional(column))


def _as_float32(number: float) -> float:
    return float(np.float32(number))


def _keep(schema: schema_pb2.Schema) -> None:
    del schema


def _replace(column: ColumnProfile, treatment: Treatment) -> Callable[[schema_pb2.Schema], None]:
    def apply(schema: schema_pb2.Schema) -> None:
        _remove(column.name)(schema)
        schema.feature.append(feature_of(column, treatment))

    return apply


def _remove(name: str) -> Callable[[schema_pb2.Schema], None]:
    def apply(schema: schema_pb2.Schema) -> None:
        kept = [feature for feature in schema.feature if feature.name != name]
        del schema.feature[:]
        schema.feature.extend(kept)

    return apply


def _add_values(name: str, values: list[str]) -> Callable[[schema_pb2.Schema], None]:
    def apply(schema: schema_pb2.Schema) -> None:
        feature = _feature(schema, name)
        named = next((domain for domain in schema.string_domain if domain.name == feature.domain), None)
        (named if named is not None else feature.string_domain).value.extend(sorted(values))

    return apply


def _widen(name: str, key: str, column: ColumnProfile) -> Callable[[schema_pb2.Schema], None]:
    def apply(schema: schema_pb2.Schema) -> None:
        limits = getattr(_feature(schema, name), key)
        number = int if key == "int_domain" else float
        if limits.HasField("min"):
            limits.min = min(limits.min, number(column.least))
        if limits.HasField("max"):
            limits.max = max(limits.max, number(column.most))

    return apply


def _optional(column: ColumnProfile) -> Callable[[schema_pb2.Schema], None]:
    def apply(schema: schema_pb2.Schema) -> None:
        feature = _feature(schema, column.name)
        feature.presence.min_fraction = round(max(0.0, 1 - column.absent / column.rows - 0.05), 3)
        if feature.HasField("shape"):
            feature.ClearField("shape")
            feature.value_count.max = column.lengths[1]

    return apply


def _feature(schema: schema_pb2.Schema, name: str) -> schema_pb2.Feature:
    return next(feature for feature in schema.feature if feature.name == name)
