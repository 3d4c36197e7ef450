"""Checks of the features of tf.Examples that were written elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow.core.example import example_pb2, feature_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.example_gen.readers.schemas import check_names
from components.example_gen.reading import Reading
from components.messages import shown
from components.refusal import GateRefused

_KINDS = {pa.int64(): "int64", pa.float32(): "float", pa.large_binary(): "bytes"}


class FeatureChecks:
    """Each feature has one type in all examples, one that its use allows, and no infinity; NaN is left out.

    A missing value gets one form, that of `encoding`: a feature without a kind.

    Args:
        reading: what the features are used for.
    """

    def __init__(self, reading: Reading):
        self._numbers, self._codes = frozenset(reading.numbers), frozenset(reading.codes)
        self._weight = reading.weight
        self._types: dict[str, str] = {}
        self._decoder = ExamplesToRecordBatchDecoder()

    def check(self, records: list[bytes], examples: Sequence[example_pb2.Example], path: str, before: int) -> None:
        """Check neighbouring examples, and clear their features that are NaN or hold no value.

        Args:
            records: the examples as serialized.
            examples: the same, parsed.
            path: their file.
            before: how many records stand before them in it.

        Raises:
            GateRefused: names the record, the feature, and what is wrong with it.
        """
        if self._all_well(records):
            return
        for number, example in enumerate(examples, before + 1):
            for name, feature in example.features.feature.items():
                if problem := self._problem(name, feature):
                    raise GateRefused(f"{path}, record {number:,}: feature {shown(name)} {problem}.")

    def _all_well(self, records: list[bytes]) -> bool:
        """The same checks of all records at once, in C++."""
        try:
            batch = self._decoder.DecodeBatch(records)
        except RuntimeError:
            # Two types of one feature.
            return False
        return all(map(self._column_well, batch.schema.names, batch.columns))

    def _column_well(self, name: str, column: pa.Array) -> bool:
        if _misnamed(name):
            return False
        if pa.types.is_null(column.type):
            return True
        kind = _KINDS[column.type.value_type]
        if self._types.setdefault(name, kind) != kind or self._misused(name, kind):
            return False
        lengths = pc.list_value_length(column)
        if pc.any(pc.equal(lengths, 0)).as_py():
            return False
        if name in self._numbers | self._codes and (pc.max(lengths).as_py() or 0) > 1:
            return False
        return kind != "float" or bool(np.isfinite(column.flatten().to_numpy()).all())

    def _problem(self, name: str, feature: feature_pb2.Feature) -> str | None:
        if misnamed := _misnamed(name):
            return misnamed
        field = feature.WhichOneof("kind")
        if field is None:
            return None
        kind, values = field.removesuffix("_list"), getattr(feature, field).value
        if not values:
            feature.Clear()
            return None
        known = self._types.setdefault(name, kind)
        if known != kind:
            return f"holds {kind}, but {known} before; write one type"
        if misuse := self._misused(name, kind):
            return misuse
        if name in self._numbers | self._codes and len(values) > 1:
            return (
                f"holds {len(values)} values, but the config uses it as a single one; choose a kind for several values"
            )
        if name == self._weight and any(map(math.isnan, values)):
            return "is NaN, which no example weight can be; write a number, or nothing to mean 1"
        return self._not_finite(feature) if kind == "float" else None

    def _misused(self, name: str, kind: str) -> str | None:
        if name in self._numbers and kind == "bytes":
            return "is text, but the config uses it as a number; choose another kind"
        if name in self._codes and kind == "float":
            return "holds floats, which round large codes, but the config uses it as a category; write int64 or text"
        return None

    def _not_finite(self, feature: feature_pb2.Feature) -> str | None:
        values = feature.float_list.value
        if infinite := [value for value in values if math.isinf(value)]:
            return f"is {infinite[0]}; correct it, or leave it out if unknown"
        if any(map(math.isnan, values)):
            if len(values) > 1:
                return "has a missing value inside a list; drop the value or the whole list"
            feature.Clear()
        return None


def _misnamed(name: str) -> str | None:
    try:
        check_names([name])
    except GateRefused:
        return "has no name, or one with a control character; rename it"
    return None
