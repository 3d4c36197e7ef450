"""The ingest as a Beam pipeline: a step per file, row group or record batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from tfx.components.example_gen import write_split
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from components.example_gen.ingest import Ingest
from components.example_gen.readers.table_files import Piece
from components.example_gen.rows import counts
from components.example_gen.rows.counts import Tally
from components.example_gen.rows.distinct import DistinctRows

_TALLY = "tally"


def write(pipeline: beam.Pipeline, ingest: Ingest, artifact: Artifact, exec_properties: dict[str, Any]) -> None:
    """Add the steps that write all splits, and what happened to the rows."""
    tags = [_tag(index) for index in range(len(ingest.names))]
    found = (
        pipeline
        | "Pieces" >> beam.Create(ingest.pieces())
        | "SpreadPieces" >> beam.Reshuffle()
        | "SortOut" >> beam.FlatMap(_tagged, ingest).with_outputs(_TALLY, *tags)
    )
    for tag, name in zip(tags, ingest.names, strict=True):
        folder = artifact_utils.get_split_uri([artifact], name)
        examples = found[tag] | f"Bytes[{name}]" >> beam.Map(bytes).with_output_types(bytes)
        _ = examples | f"WriteSplit[{name}]" >> write_split.WriteSplit(
            folder, example_gen_pb2.FORMAT_TFRECORDS_GZIP, exec_properties
        )
    _ = (
        found[_TALLY]
        | "AddUp" >> beam.CombineGlobally(_AddUp())
        | "WriteTally" >> beam.Map(_write_tally, ingest, f"{artifact.uri}/{counts.FILE}")
    )


def check(ingest: Ingest, artifact: Artifact) -> None:
    """Check the counts of a pipeline that has ended.

    Raises:
        GateRefused: there are no rows, or labels are missing.
    """
    with fileio.open(f"{artifact.uri}/{counts.FILE}") as file:
        found = json.loads(file.read())
    ingest.finish(Tally({(what, of): count for what, of, count in found["tally"]}), found["distinct"], artifact)


def _tag(index: int) -> str:
    return f"split{index}"


def _tagged(indexed: tuple[int, Piece], ingest: Ingest) -> Iterator[TaggedOutput]:
    total, distinct = Tally(), [DistinctRows() for _ in ingest.names]
    for parts, tally in ingest.sorted_out(*indexed, ingest.records()):
        total.update(tally)
        for index, examples in enumerate(parts):
            distinct[index].add(examples)
            for example in examples:
                yield TaggedOutput(_tag(index), example)
    yield TaggedOutput(_TALLY, (total, distinct))


# What happened to rows, and the different ones of each split; before anything was added there are no splits.
_Seen = tuple[Tally, list[DistinctRows]]


class _AddUp(beam.CombineFn):
    """Adds up what the pieces have counted, two at a time: a worker holds no more than that."""

    def create_accumulator(self, *args: Any, **kwargs: Any) -> _Seen:
        return Tally(), []

    def add_input(self, mutable_accumulator: _Seen, element: _Seen, *args: Any, **kwargs: Any) -> _Seen:
        tally, distinct = mutable_accumulator
        tally.update(element[0])
        # An element is not to be changed.
        distinct = distinct or [DistinctRows() for _ in element[1]]
        for seen, more in zip(distinct, element[1], strict=True):
            seen.merge(more)
        return tally, distinct

    def merge_accumulators(self, accumulators: Iterable[_Seen], *args: Any, **kwargs: Any) -> _Seen:
        total = self.create_accumulator()
        for some in accumulators:
            total = self.add_input(total, some) if some[1] else total
        return total

    def extract_output(self, accumulator: _Seen, *args: Any, **kwargs: Any) -> _Seen:
        return accumulator


def _write_tally(seen: _Seen, ingest: Ingest, path: str) -> None:
    tally, distinct = seen
    found = {
        "tally": [[what, of, count] for (what, of), count in tally.items()],
        "distinct": ingest.estimates(tally, distinct or [DistinctRows() for _ in ingest.names]),
    }
    with fileio.open(path, "w") as file:
        file.write(json.dumps(found))
