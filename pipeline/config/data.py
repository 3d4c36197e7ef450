"""Where the examples come from, which rows are used, and how they are split."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from components.example_gen import spans
from components.example_gen.reading import DEFAULT_PATTERNS, CsvOptions, FileFormat
from components.example_gen.rows import expression
from components.example_gen.rows.options import ByFiles, ByRow, Splits, check_where
from trainer.parameters import Strict


class Examples(Strict):
    """Which of the examples are used, wherever they come from.

    Attributes:
        where: a condition, such as ``fare > 0 and payment_type != 'Unknown'``; rows that do not meet it are left out.
            None keeps all rows.
        splits: which split a row goes to; ``train`` and ``eval`` must be among them. ``{train: 2, eval: 1}`` are hash
            buckets; other ways begin with ``by``.
        pictures: columns that hold paths of picture files (PNG, JPEG, GIF or BMP): relative to the table's folder,
            absolute, or URIs. The examples hold the files' bytes, and so do requests.
    """

    where: Annotated[str, AfterValidator(check_where)] | None = None
    splits: Splits = ByRow.model_validate({"train": 2, "eval": 1})
    pictures: tuple[Annotated[str, Field(min_length=1)], ...] = ()

    @property
    @abstractmethod
    def title(self) -> str:
        """Where the examples come from, in a few words."""

    def where_columns(self) -> Iterator[str]:
        """The columns that ``where`` names."""
        return expression.columns(expression.parse(self.where)) if self.where else iter(())


class Data(Examples):
    """Examples from files.

    Attributes:
        path: a folder; all files of the format in it are read.
        files: a pattern below the folder, in which ``*.csv*`` means ``.csv`` and ``.csv.gz``. With ``{SPAN}``,
            ``{VERSION}`` or ``{YYYY}-{MM}-{DD}`` the newest is read. None means all files with the format's ending.
        window: int, how many of the newest spans are read together.
        format: ``csv`` with a header line, ``parquet``, ``arrow`` (Arrow's file format), ``tfrecord`` of
            tf.Examples, or ``pictures`` in a folder for each class: they are the column ``picture``, and the folders'
            names are the label's column.
        csv: how CSV files are written.
    """

    path: Path
    files: str | None = Field(default=None, min_length=1)
    window: PositiveInt = 1
    format: FileFormat = "csv"
    csv: CsvOptions = CsvOptions()

    @property
    def title(self) -> str:
        """See `Examples`."""
        return str(self.path)

    @property
    def file_format(self) -> FileFormat:
        """The format of the files that are ingested."""
        return self.format

    @property
    def patterns(self) -> Mapping[str, str]:
        """Which files in the folder are data, by input split; others, such as a README, are left alone."""
        if isinstance(self.splits, ByFiles):
            return self.splits.given
        return {"all": self.files or DEFAULT_PATTERNS[self.format]}

    @model_validator(mode="after")
    def _fits_together(self) -> Data:
        if self.format != "csv" and self.csv != CsvOptions():
            raise ValueError(f"csv: data.format is {self.format}; drop these options")
        if self.pictures and self.format in ("tfrecord", "pictures"):
            raise ValueError(f"pictures: the format {self.format} holds the pictures themselves; drop the key")
        if isinstance(self.splits, ByFiles) and self.files:
            raise ValueError("files: splits by files name their own; drop the key")
        for pattern in self.patterns.values():
            if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
                raise ValueError(f"files: {pattern!r} leads out of data.path; give a pattern below it")
        if self.window > 1 and not all(map(spans.has_spans, self.patterns.values())):
            raise ValueError("window: there are no spans; data.files needs {SPAN}, or {YYYY}-{MM}-{DD}")
        return self
