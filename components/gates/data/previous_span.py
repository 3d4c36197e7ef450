"""The statistics of the span before those that a run reads, for a first comparison before anything is served."""

from __future__ import annotations

from collections.abc import Iterator

from tensorflow_data_validation import StatsOptions
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.example_gen import spans
from components.example_gen.readers import table_files
from components.example_gen.readers.record_files import Records
from components.example_gen.reading import Reading
from components.example_gen.tables import Tables
from components.refusal import GateRefused
from trainer.options import Strict

# So many show a distribution well enough, and fit into memory.
_ROWS = 100_000


class Spans(Strict):
    """Where spans are, and how they are read.

    Attributes:
        base: the folder.
        pattern: the pattern of the files below it, with a span.
        window: int, how many of the newest spans the run reads.
        reading: how files are read.
    """

    base: str
    pattern: str
    window: int
    reading: Reading


def previous_statistics(given: Spans) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    """The statistics of all rows of the newest span that the run does not read.

    None if there is no such span, or it cannot be read as the newer ones are.
    """
    try:
        records = [record for _, record in zip(range(_ROWS), _records(given), strict=False)]
    except GateRefused:
        return None
    if not records:
        return None
    return generate_statistics_in_memory(ExamplesToRecordBatchDecoder().DecodeBatch(records), StatsOptions())


def _records(given: Spans) -> Iterator[bytes]:
    pattern = f"{given.base.rstrip('/')}/{given.pattern}"
    files = table_files.find(spans.glob(pattern))
    read = set(spans.newest(files, pattern, count=given.window))
    wider = spans.newest(files, pattern, count=given.window + 1)
    paths = [path for path in wider if path not in read]
    if not paths:
        return
    [tables] = Tables.of([paths], given.reading)
    found = Records(given.reading)
    for piece in tables.pieces():
        for examples, _ in tables.blocks(piece, (), found):
            yield from examples
