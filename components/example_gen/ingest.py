"""One ingest: which files are read, which rows of them are kept, and which split each goes to."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from absl import logging
from google.protobuf import json_format, struct_pb2
from tfx.components.example_gen import utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

from components.example_gen import spans
from components.example_gen.pictures import folders
from components.example_gen.readers import table_files
from components.example_gen.readers.record_files import RecordReader
from components.example_gen.readers.table_files import Piece
from components.example_gen.reading import FileFormat, Reading
from components.example_gen.rows import counts
from components.example_gen.rows.columns import Columns
from components.example_gen.rows.counts import Tally
from components.example_gen.rows.distinct import DistinctRows
from components.example_gen.rows.options import ByTime, ByValue, Rows
from components.example_gen.rows.selection import Selection, Sorter, checked
from components.example_gen.rows.splits import HashSplits, One, Splits, TimeSplits, ValueSplits
from components.example_gen.shards import ShardWriter
from components.example_gen.tables import Tables, in_file
from components.refusal import GateRefused

# The keys of the executor's custom configuration.
READING, ROWS = "reading", "rows"


@dataclass(frozen=True)
class Ingest:
    """Reads files and sorts their rows.

    Attributes:
        rows: which rows to keep.
        names: the splits.
        tables: the files of each input split.
        sorters: what sorts the rows of each input split.
    """

    rows: Rows
    names: Sequence[str]
    tables: Sequence[Tables]
    sorters: Sequence[Sorter]

    @classmethod
    def of(cls, exec_properties: Mapping[str, Any]) -> Ingest:
        """What the node's properties say; for splits by time it reads the column of the time.

        Raises:
            GateRefused: there are no files, or they do not fit together.
        """
        given = _proto(exec_properties, standard_component_specs.INPUT_CONFIG_KEY, example_gen_pb2.Input())
        wanted = _proto(exec_properties, standard_component_specs.OUTPUT_CONFIG_KEY, example_gen_pb2.Output())
        options = _options(exec_properties)
        rows = Rows.model_validate_json(options[ROWS])
        tables = Tables.of(paths(exec_properties), reading_of(exec_properties))
        names = utils.generate_output_split_names(given, wanted)
        selection = Selection.of(rows)
        split_config = wanted.split_config
        sorters = [
            Sorter(selection, splits, names)
            for splits in (
                [split_rows(rows, split_config, selection, tables)]
                if split_config.splits
                else [One(index) for index in range(len(names))]
            )
        ]
        return cls(rows, names, tables, sorters)

    def pieces(self) -> list[tuple[int, Piece]]:
        """What can be read in parallel, each with the index of its input split."""
        return [(index, piece) for index, tables in enumerate(self.tables) for piece in tables.pieces()]

    def records(self) -> RecordReader:
        """What reads TFRecord files, with what it has learnt of earlier ones."""
        return RecordReader(self.tables[0].reading)

    def sorted_out(self, index: int, piece: Piece, records: RecordReader) -> Iterator[tuple[list[list[bytes]], Tally]]:
        """The examples of each split from one piece, some thousand at a time, and what happened to all rows of it.

        Args:
            index: index of the input split.
            piece: what to read.
            records: reads TFRecord files, see `Tables.blocks`.

        Raises:
            GateRefused: names the file and the place in it.
        """
        sorter = self.sorters[index]
        for examples, columns in self.tables[index].blocks(piece, sorter, records):
            with in_file(piece.path):
                yield sorter.sorted_out(examples, columns, path=piece.path)

    def stream(self, artifact: Artifact) -> None:
        """Write all splits from this process.

        Raises:
            GateRefused: nothing was written.
        """
        tally, records = Tally(), self.records()
        distinct = [DistinctRows() for _ in self.names]
        with contextlib.ExitStack() as stack:
            folders = [artifact_utils.get_split_uri([artifact], name) for name in self.names]
            writers = [stack.enter_context(ShardWriter(folder)) for folder in folders]
            for index, tables in enumerate(self.tables):
                for piece in tables.files():
                    logging.info("Reading %s", piece.path)
                    for parts, some in self.sorted_out(index, piece, records):
                        tally.update(some)
                        for writer, seen, examples in zip(writers, distinct, parts, strict=True):
                            writer.write(examples)
                            seen.add(examples)
            # Before the shards get their names.
            self.finish(tally, self.estimates(tally, distinct), artifact)

    def estimates(self, tally: Tally, distinct: Sequence[DistinctRows]) -> dict[str, int]:
        """The number of different rows of each split."""
        counted = zip(self.names, distinct, strict=True)
        return {name: seen.estimate(tally[counts.SPLIT, name]) for name, seen in counted}

    def finish(self, tally: Tally, distinct: Mapping[str, int], artifact: Artifact) -> None:
        """Check the counts of all rows, and write them beside the splits.

        Raises:
            GateRefused: there are no rows, or labels are missing.
        """
        files = [path for tables in self.tables for path in tables.paths]
        found = checked(tally, self.rows, distinct, files=files, first_unlabelled=self._first_unlabelled)
        with fileio.open(f"{artifact.uri}/{counts.FILE}", "w") as file:
            file.write(found.model_dump_json())

    def _first_unlabelled(self) -> str:
        selection, before = Selection.of(self.rows), Counter[str]()
        for tables in self.tables:
            for path, columns in tables.columns(selection.columns):
                rows = len(columns[self.rows.label[0]])
                meets, labelled = selection.masks(columns, rows=rows)
                if (found := meets & ~labelled).any():
                    return table_files.place(path, before[path] + int(found.argmax()) + 1, tables.reading)
                before[path] += rows
        return "a file that has changed since"


def reading_of(exec_properties: Mapping[str, Any]) -> Reading:
    """How the files are read."""
    return Reading.model_validate(_options(exec_properties)[READING])


def paths(exec_properties: Mapping[str, Any]) -> list[list[str]]:
    """The files of each input split, with those of earlier spans where several are read.

    Raises:
        GateRefused: no file matches, or a class has no pictures.
    """
    given = _proto(exec_properties, standard_component_specs.INPUT_CONFIG_KEY, example_gen_pb2.Input())
    base = str(exec_properties[standard_component_specs.INPUT_BASE_KEY]).rstrip("/")
    rows, kind = Rows.model_validate_json(_options(exec_properties)[ROWS]), reading_of(exec_properties).kind
    if rows.window == 1:
        # The driver has put the span into the pattern.
        return [_files(f"{base}/{split.pattern}", kind) for split in given.splits]
    found = []
    for pattern in rows.patterns:
        files = _files(f"{base}/{spans.glob(pattern)}", kind)
        until = exec_properties.get(utils.SPAN_PROPERTY_NAME)
        found.append(spans.newest(files, f"{base}/{pattern}", count=rows.window, until=until))
        if not found[-1]:
            raise GateRefused(f"no file matches {base}/{pattern}; check data.files")
    return found


def _files(pattern: str, kind: FileFormat) -> list[str]:
    found = table_files.find(pattern, kind)
    if kind == "pictures":
        folders.check_classes(map(os.fsdecode, fileio.glob(pattern.rpartition("/")[0])), found)
    return found


def split_rows(
    rows: Rows, config: example_gen_pb2.SplitConfig, selection: Selection, tables: Sequence[Tables]
) -> Splits:
    """What splits the rows of these files; for splits by time it reads the column of the time.

    Raises:
        GateRefused: a row has no time, or an unreadable one.
    """
    if isinstance(rows.splits, ByValue):
        return ValueSplits(rows.splits)
    if not isinstance(rows.splits, ByTime):
        return HashSplits(config)
    time = rows.splits.column
    names = tuple(dict.fromkeys([*selection.columns, time]))

    def kept() -> Iterator[tuple[str, Columns]]:
        for table in tables:
            for path, columns in table.columns(names):
                with in_file(path):
                    yield path, selection.of_columns(columns, rows=len(columns[time]))

    return TimeSplits.fitted(rows.splits, kept())


def _options(exec_properties: Mapping[str, Any]) -> dict[str, Any]:
    config = _proto(exec_properties, standard_component_specs.CUSTOM_CONFIG_KEY, example_gen_pb2.CustomConfig())
    options = struct_pb2.Struct()
    config.custom_config.Unpack(options)
    return json_format.MessageToDict(options)


def _proto(exec_properties: Mapping[str, Any], key: str, message: Any) -> Any:
    proto_utils.json_to_proto(exec_properties[key], message)
    return message
