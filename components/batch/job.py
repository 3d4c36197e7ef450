"""Batch inference as a Beam pipeline: a step per file, row group or record batch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import apache_beam as beam
from apache_beam.utils.shared import Shared
from tfx.dsl.io import fileio

from components.batch.model import Scorer
from components.batch.scoring import ERRORS, Work
from components.example_gen.readers.table_files import Piece
from components.refusal import GateRefused

SUMMARY = "_summary.json"
_TALLY = "_tally.json"


@dataclass(frozen=True)
class Tally:
    """What became of the rows.

    Attributes:
        rows: int, those that were scored.
        bad: int, those that were not.
        refused: why files could not be read to their end.
    """

    rows: int = 0
    bad: int = 0
    refused: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.rows + other.rows, self.bad + other.bad, tuple(sorted({*self.refused, *other.refused})))


def add_steps(pipeline: beam.Pipeline, work: Work) -> None:
    """Add the steps that score all pieces of the input, and what became of the rows."""
    _ = (
        pipeline
        | "Pieces" >> beam.Create(list(enumerate(work.files.pieces())))
        | "SpreadPieces" >> beam.Reshuffle()
        | "Score" >> beam.ParDo(_Score(work))
        | "AddUp" >> beam.CombineGlobally(_total)
        | "WriteTally" >> beam.Map(_write, f"{work.folder}/{_TALLY}")
    )


def finish(work: Work) -> Tally:
    """Put the bad rows into one file and the summary beside the answers, once the pipeline has ended.

    Raises:
        GateRefused: a file could not be read, or there were no rows.
    """
    path = f"{work.folder}/{_TALLY}"
    with fileio.open(path) as stream:
        found = json.load(stream)
    fileio.remove(path)
    tally = Tally(found["rows"], found["bad"], tuple(found["refused"]))
    if tally.refused:
        raise GateRefused(tally.refused[0])
    if not tally.rows + tally.bad:
        raise GateRefused(f"{work.files.paths[0]}: the input has no rows")
    _join_errors(work.folder)
    with fileio.open(f"{work.folder}/{SUMMARY}", "w") as stream:
        options = work.options
        about = {"model": options.model, "version": options.version, "rows": tally.rows, "bad_rows": tally.bad}
        json.dump({**about, "files": list(work.files.paths)}, stream, indent=1)
    return tally


def _join_errors(folder: str) -> None:
    parts = sorted(map(str, fileio.glob(f"{folder}/{ERRORS}-*.jsonl")))
    if not parts:
        return
    with fileio.open(f"{folder}/{ERRORS}.jsonl", "wb") as whole:
        for part in parts:
            with fileio.open(part, "rb") as stream:
                shutil.copyfileobj(stream, whole)
            fileio.remove(part)


class _Score(beam.DoFn):
    """Scores pieces; a process loads the model once."""

    def __init__(self, work: Work):
        super().__init__()
        self._work, self._shared = work, Shared()

    def setup(self) -> None:
        self._scorer = self._shared.acquire(lambda: Scorer(self._work.options.saved_model))

    def process(self, element: tuple[int, Piece]) -> Iterable[Tally]:
        try:
            yield Tally(*self._work.score(*element, self._scorer))
        except GateRefused as error:
            # As a result: an engine would try again what fails, and lose the reason in pages of text.
            yield Tally(refused=(error.reason,))


def _total(tallies: Iterable[Tally]) -> Tally:
    return sum(tallies, Tally())


def _write(tally: Tally, path: str) -> None:
    with fileio.open(path, "w") as stream:
        json.dump(asdict(tally), stream)
