"""The span before those that a run reads, for a first comparison before anything is served."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf
from google.protobuf import json_format
from tensorflow_data_validation import StatsOptions
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tfx.proto import example_gen_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.example_gen import spans
from components.example_gen.ingest import split_rows
from components.example_gen.readers import table_files
from components.example_gen.readers.record_files import RecordReader
from components.example_gen.reading import Reading
from components.example_gen.rows.distinct import DistinctRows
from components.example_gen.rows.options import Rows
from components.example_gen.rows.selection import Selection, Sorter
from components.example_gen.tables import Tables
from components.gates.data.drift.earlier import Earlier, EarlierSplit, features_of
from components.gates.data.drift.profile import Profile, label_seen
from components.gates.data.label_rows import LabelRows
from components.refusal import GateRefused
from trainer.labels.config import Label
from trainer.options import Strict

# So many of each split show a distribution well enough, and fit into memory.
_ROWS = 50_000


class Spans(Strict):
    """Where spans are, and how they are read.

    Attributes:
        base: the folder.
        pattern: the pattern of the files below it, with a span.
        window: int, how many of the newest spans the run reads.
        reading: how files are read.
        rows: which rows are kept.
        splits: TFX's split config as JSON, which says how the rows are split.
    """

    base: str
    pattern: str
    window: int
    reading: Reading
    rows: Rows = Rows()
    splits: str = "{}"


def previous_span_of(given: Spans, label: Label, *, read_label: bool) -> Earlier | None:
    """The newest span that the run does not read, with the rows and splits that a run would make of it.

    None if there is no such span, or it cannot be read as the newer ones are.

    Args:
        given: where it is.
        label: the label.
        read_label: whether to look at the labels.
    """
    try:
        found = _samples(given)
    except GateRefused:
        return None
    splits = {name: _split(sample, label, read_label=read_label) for name, sample in found.items() if sample.rows}
    return Earlier("the span before", splits) if splits else None


class _Sample:
    """Every n-th row of a split, where n doubles whenever there are too many."""

    def __init__(self) -> None:
        self.rows, self.distinct = 0, DistinctRows()
        self.examples: list[bytes] = []
        self._step = 1

    def add(self, examples: list[bytes]) -> None:
        self.distinct.add(examples)
        self.examples += examples[-self.rows % self._step :: self._step]
        self.rows += len(examples)
        while len(self.examples) > _ROWS:
            self.examples, self._step = self.examples[::2], self._step * 2


def _samples(given: Spans) -> dict[str, _Sample]:
    pattern = f"{given.base.rstrip('/')}/{given.pattern}"
    files = table_files.find(spans.glob(pattern), given.reading.kind)
    read = set(spans.newest(files, pattern, count=given.window))
    paths = [path for path in spans.newest(files, pattern, count=given.window + 1) if path not in read]
    if not paths:
        return {}
    config = json_format.Parse(given.splits, example_gen_pb2.SplitConfig())
    names = [split.name for split in config.splits]
    tables, selection = Tables.of([paths], given.reading), Selection.of(given.rows)
    sorter = Sorter(selection, split_rows(given.rows, config, selection, tables), names)
    found = {name: _Sample() for name in names}
    for parts in _parts(tables[0], sorter, given.reading):
        for sample, examples in zip(found.values(), parts, strict=True):
            sample.add(examples)
    return found


def _parts(tables: Tables, sorter: Sorter, reading: Reading) -> Iterator[list[list[bytes]]]:
    records = RecordReader(reading)
    for piece in tables.pieces():
        for examples, columns in tables.blocks(piece, sorter, records):
            yield sorter.sorted_out(examples, columns, path=piece.path)[0]


def _split(sample: _Sample, label: Label, *, read_label: bool) -> EarlierSplit:
    examples = sample.examples
    statistics = generate_statistics_in_memory(ExamplesToRecordBatchDecoder().DecodeBatch(examples), StatsOptions())
    features = features_of(statistics)
    labels = LabelRows(lambda _: tf.data.Dataset.from_tensor_slices(examples), label)
    seen = label_seen(label, features, len(examples), labels, "") if read_label else None
    profile = Profile(rows=sample.rows, distinct=sample.distinct.estimate(sample.rows), label=seen)
    return EarlierSplit(statistics, profile)
