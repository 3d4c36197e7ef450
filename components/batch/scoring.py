"""Scores one piece of the input: reads its rows, asks the model, writes the answers, and the rows that got none."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pyarrow as pa

from components.batch.model import Answers, Arrays, Scorer
from components.batch.options import BatchOptions
from components.batch.reading import columns
from components.batch.reading.blocks import BatchFiles, RowBlock
from components.batch.reading.columns import Unfit
from components.batch.writing import layout
from components.batch.writing.shards import ErrorLines, shard
from components.example_gen.readers.table_files import Piece

SHARD, ERRORS = "predictions", "_errors"


@dataclass(frozen=True)
class Work:
    """All that a worker needs to know.

    Attributes:
        files: the input.
        options: what is asked.
        outputs: the type of each output.
        folder: path or URI of the folder that the files are written to.
    """

    files: BatchFiles
    options: BatchOptions
    outputs: Mapping[str, pa.DataType]
    folder: str

    def score(self, index: int, piece: Piece, scorer: Scorer) -> tuple[int, int]:
        """Score a piece, and return the numbers of scored and of bad rows.

        Args:
            index: int, the piece's place among all.
            piece: what to read.
            scorer: the model.

        Raises:
            GateRefused: the file cannot be read.
        """
        wanted = list(dict.fromkeys([*scorer.features, *self.options.keys]))
        with (
            shard(f"{self.folder}/{SHARD}-{index:05d}", self.options) as made,
            ErrorLines(f"{self.folder}/{ERRORS}-{index:05d}.jsonl") as errors,
        ):
            for block in self.files.blocks(piece, wanted):
                good, inputs, outputs = self._answered(block, scorer)
                errors.write(sorted(good.bad, key=attrgetter("row")))
                if len(good.rows):
                    made.write(self._columns(good, scorer, inputs, outputs), inputs, outputs)
            return made.rows, errors.rows

    def _answered(self, block: RowBlock, scorer: Scorer) -> tuple[RowBlock, Arrays, Arrays]:
        """The rows that the model has taken, what it was asked, and what it said."""
        while True:
            try:
                inputs = self._inputs(block, scorer)
                break
            except Unfit as error:
                block = block.without(error.reasons, self.options.keys)
        answers = scorer.answers(inputs) if len(block.rows) else Answers({}, {})
        if answers.reasons:
            taken = np.setdiff1d(np.arange(len(block.rows)), list(answers.reasons))
            inputs = {name: array[taken] for name, array in inputs.items()}
            block = block.without(answers.reasons, self.options.keys)
        return block, inputs, answers.outputs

    def _inputs(self, block: RowBlock, scorer: Scorer) -> Arrays:
        reading, batch = self.files.reading, block.batch
        if named := [name for name in reading.pictures if name in scorer.features]:
            folders = [posixpath.dirname(path) for path in block.files.to_pylist()]
            batch = columns.with_pictures(batch, named, folders)
        return columns.inputs(batch, scorer.features, reading.csv)

    def _columns(self, block: RowBlock, scorer: Scorer, inputs: Arrays, outputs: Arrays) -> dict[str, pa.Array]:
        asked = layout.asked(inputs, scorer.features) if self.options.inputs else {}
        found = {**layout.columns(block, self.options), **layout.said(outputs, self.outputs)}
        return {**found, **{name: column for name, column in asked.items() if name not in found}}
