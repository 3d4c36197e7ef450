"""Where the examples come from, and how they are split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from components.example_gen.reading import CsvOptions
from pipeline.config.fields import Name
from trainer.parameters import Strict


class Data(Strict):
    """Where the examples come from.

    Attributes:
        path: a folder; all files of the format in it are read.
        files: a pattern below the folder, in which ``*.csv*`` means ``.csv`` and ``.csv.gz``. With ``{SPAN}``,
            ``{VERSION}`` or ``{YYYY}-{MM}-{DD}`` the newest is read. None means all files with the format's ending.
        format: ``csv`` with a header line, ``parquet``, ``arrow`` (Arrow's file format), or ``tfrecord`` of
            tf.Examples.
        csv: how CSV files are written.
        splits: hash buckets per split; ``train`` and ``eval`` must be among them.
    """

    path: Path
    files: str | None = Field(default=None, min_length=1)
    format: Literal["csv", "parquet", "arrow", "tfrecord"] = "csv"
    csv: CsvOptions = CsvOptions()
    splits: Mapping[Name, Annotated[int, Field(gt=0)]] = {"train": 2, "eval": 1}

    @property
    def pattern(self) -> str:
        """Which files in the folder are data; others, such as a README, are left alone."""
        endings = {"csv": "*.csv*", "parquet": "*.parquet", "arrow": "*.arrow", "tfrecord": "*.tfrecord*"}
        return self.files or endings[self.format]

    @property
    def glob(self) -> str:
        """``pattern`` with ``*`` for every span, version and part of a date."""
        return re.sub(r"\{[A-Z]+(:[0-9]+)?\}", "*", self.pattern)

    @model_validator(mode="after")
    def _csv_has_an_effect(self) -> Data:
        if self.format != "csv" and self.csv != CsvOptions():
            raise ValueError(f"csv: data.format is {self.format}; drop these options")
        return self

    @model_validator(mode="after")
    def _needs_both_splits(self) -> Data:
        missing = {"train", "eval"} - set(self.splits)
        if missing:
            raise ValueError(f"splits: {sorted(missing)} missing; the trainer and the Evaluator need them")
        return self
