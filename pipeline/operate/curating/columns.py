"""Columns as ``init`` knows them, from the statistics of a run instead of its rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from pipeline.config.config import Config
from pipeline.init.judging.treatment import Treatment
from pipeline.init.plan import Decisions
from pipeline.init.reading.profile import ColumnProfile, Table

_Statistics = statistics_pb2.FeatureNameStatistics
_Dataset = statistics_pb2.DatasetFeatureStatistics
_TYPES: Mapping[int, str] = {_Statistics.INT: "INT", _Statistics.FLOAT: "FLOAT"}


def decisions_of(datasets: Sequence[_Dataset], config: Config, schema: schema_pb2.Schema) -> Decisions:
    """What config and schema decided about the columns of a run's data.

    Args:
        datasets: the statistics of its splits.
        config: the pipeline's config.
        schema: its schema.
    """
    rows = sum(int(data.num_examples) for data in datasets)
    names = dict.fromkeys(_name(feature) for data in datasets for feature in data.features)
    columns = {name: _column(name, datasets, rows) for name in names}
    types = {feature.name: schema_pb2.FeatureType.Name(feature.type) for feature in schema.feature}
    return Decisions(
        table=Table(rows=rows, columns=columns, sample=pa.table({})),
        label=config.label,
        remark="",
        treatments={name: _treatment(column, config, types.get(name)) for name, column in columns.items()},
        rows={},
        labels=np.array([]),
    )


def _treatment(column: ColumnProfile, config: Config, known: str | None) -> Treatment:
    """As the config has it: of a column that it does not name, little is asked."""
    kind: Any = None
    if config.features is not None:
        kind = [options.kind for options in config.features.root.get(column.name, ())] or None
    elif column.name not in config.label.columns and known is not None:
        kind = "category" if column.type == "BYTES" else "number"
    type_ = column.type if column.type != "UNKNOWN" else known or "BYTES"
    return Treatment(entry=kind, reason="the config's features do not name it", schema_type=type_)


def _column(name: str, datasets: Sequence[_Dataset], rows: int) -> ColumnProfile:
    found = [feature for data in datasets for feature in data.features if _name(feature) == name]
    filled = [feature for feature in found if _common(feature).tot_num_values]
    numbers = [feature.num_stats for feature in filled if feature.type in _TYPES]
    texts = [feature.string_stats for feature in filled if feature.type not in _TYPES]
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({bucket.label: int(bucket.sample_count) for bucket in text.rank_histogram.buckets})
    fewest = min((int(_common(feature).min_num_values) for feature in filled), default=1)
    most = max((int(_common(feature).max_num_values) for feature in filled), default=1)
    absent = rows - sum(map(_present, filled))
    return ColumnProfile(
        name=name,
        type=next((_TYPES.get(feature.type, "BYTES") for feature in filled), "UNKNOWN"),
        rows=rows,
        absent=absent,
        missing=absent + counts.pop("", 0),
        counts=counts.most_common(),
        # The statistics list the most frequent texts only.
        many=any(int(text.unique) > len(text.rank_histogram.buckets) for text in texts),
        distinct=max((int(text.unique) for text in texts), default=0),
        least=min((number.min for number in numbers), default=math.nan),
        most=max((number.max for number in numbers), default=math.nan),
        whole=False,
        rising=False,
        lengths=(max(1, fewest), max(1, most)),
        is_list=most > 1,
        is_utf8=True,
        undated=0,
    )


def _present(feature: _Statistics) -> int:
    """Rows with a value; a row may be counted as present without one."""
    common = _common(feature)
    return int(common.tot_num_values if common.max_num_values <= 1 else common.num_non_missing)


def _common(feature: _Statistics) -> statistics_pb2.CommonStatistics:
    return feature.num_stats.common_stats if feature.type in _TYPES else feature.string_stats.common_stats


def _name(feature: _Statistics) -> str:
    return feature.path.step[0] if feature.path.step else feature.name
