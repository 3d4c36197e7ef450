"""``image``: a picture, scaled to ``[0, 1]``; a missing one is all zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from trainer.features.faults import RowTest, Seen
from trainer.features.kind import Column, Kind

if TYPE_CHECKING:
    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns


class Options(Kind):
    """A picture: encoded bytes (PNG, JPEG, BMP, GIF) or a list of ``height * width * channels`` numbers.

    Attributes:
        height: int, pixels; encoded pictures of another size are resized, to whole pixel values.
        width: int, pixels.
        channels: 1 (grey) or 3 (red, green, blue).
        scale: the divisor of a pixel value; a model sees values from 0 to 1.
    """

    SCHEMA_TYPES: ClassVar = ("BYTES", "INT", "FLOAT")

    kind: Literal["image"] = "image"
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    channels: Literal[1, 3] = 1
    scale: float = Field(default=255.0, gt=0)

    @property
    def multivalent(self) -> bool:
        """A row may hold a list of numbers."""
        return True

    def values_per_row(self, *, text: bool) -> int:
        """One encoded picture, or all its pixels."""
        return 1 if text else math.prod(self.shape)

    def row_test(self, seen: Seen) -> RowTest | None:
        """Bytes may be no picture, such as the path of one, or none where the schema says that each row has one."""
        if seen.kind != "BYTES":
            return None
        return RowTest(
            "IMAGE_UNREADABLE",
            "do not hold a picture: the bytes are not those of PNG, JPEG, GIF or BMP; if they are paths of files, name "
            "the column in data.pictures; if a picture is missing, leave the value out",
            _is_no_picture if seen.complete else _is_no_picture_or_none,
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return self.height, self.width, self.channels


def _is_no_picture(values: Any) -> Any:
    from trainer.features.pixels import is_no_picture

    return is_no_picture(values)


def _is_no_picture_or_none(values: Any) -> Any:
    from trainer.features.pixels import is_no_picture_or_none

    return is_no_picture_or_none(values)


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """The pixels of each picture, float32 ``[batch, height, width, channels]``."""
    from trainer.features.pixels import pixels

    for index, column in enumerate(columns):
        options = column.options
        picture = pixels(raw.tensor(column.name), shape=options.shape, scale=options.scale, name=column.name)
        outputs.image(index, picture)
