"""What one batch inference is asked to do, as its workers get it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["parquet", "prediction_log"]
# The columns that tell where a row was, where no column of its own does.
FILE, ROW = "file", "row"
VERSION = "model_version"


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """One batch inference.

    Attributes:
        saved_model: folder of the served version.
        model: the model's name.
        version: int, the version.
        keys: columns of the input that the output repeats; without any it has the file and the row's number.
        inputs: whether the output has the values that the model was asked with.
        format: of the output.
    """

    saved_model: str
    model: str
    version: int
    keys: tuple[str, ...] = ()
    inputs: bool = False
    format: Format = "parquet"
