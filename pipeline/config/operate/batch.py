"""Which files are scored after a push."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer.parameters import Strict


class Batch(Strict):
    """Batch inference with the model that a run has pushed.

    Attributes:
        input: files, folders, patterns or URIs; on a platform URIs, or paths in the image.
        keys: columns that the output repeats; without any it has the file and the row's number.
        inputs: whether the output has what the model was asked.
        format: of the output, ``parquet`` or ``prediction_log``.
        max_bad: how many rows may be bad; with more of them the node refuses.
    """

    input: tuple[str, ...] = Field(min_length=1)
    keys: tuple[str, ...] = ()
    inputs: bool = False
    format: Literal["parquet", "prediction_log"] = "parquet"
    max_bad: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _keys_have_a_place(self) -> Batch:
        if self.keys and self.format == "prediction_log":
            raise ValueError("keys: a PredictionLog has no place for them; choose format: parquet")
        return self


class WithBatch(Strict):
    """What batch inference adds to a configuration.

    Attributes:
        batch: files that each run scores after its push; None scores none.
    """

    batch: Batch | None = None
