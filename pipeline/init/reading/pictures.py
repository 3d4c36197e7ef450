"""Pictures among the data: in a folder for each class, or named by a column of a table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from PIL import Image

from components.example_gen.pictures.files import located
from components.example_gen.reading import PICTURE_ENDINGS, is_hidden
from pipeline.config.loading import ConfigError

# A network for small pictures: larger ones are resized.
_LONGEST, _SHORTEST = 64, 8
_LOOKED_AT, _LOOKED_FOR = 200, 20


def by_class(folder: Path) -> list[str]:
    """The pictures in the folder's folders, in order."""
    found = (path for path in folder.glob("*/*") if path.suffix.lower() in PICTURE_ENDINGS and not is_hidden(path.name))
    return sorted(path.as_posix() for path in found)


def naming_columns(batch: pa.RecordBatch, folder: Path) -> tuple[str, ...]:
    """The columns that hold names of picture files.

    Args:
        batch: the first rows of a table.
        folder: the folder that the table is in.
    """
    return tuple(name for name in batch.schema.names if _names_pictures(batch.column(name), folder))


def shape(pictures: Sequence[bytes]) -> tuple[int, int, int]:
    """Height, width and channels to resize pictures to: the usual ones, but not too large for a small network.

    Raises:
        ConfigError: Pillow cannot read one.
    """
    sizes, grey = [], True
    for data in pictures:
        try:
            with Image.open(pa.BufferReader(data)) as picture:
                sizes.append(picture.size)
                grey = grey and picture.mode in ("1", "L")
        except (OSError, SyntaxError) as error:
            raise ConfigError(f"--data: a picture cannot be read ({error}); remove it.") from None
    width, height = (statistics.median_high(side) for side in zip(*sizes, strict=True))
    scale = min(1.0, _LONGEST / max(width, height))
    sides = (max(_SHORTEST, round(side * scale)) for side in (height, width))
    return (*sides, 1 if grey else 3)  # pyright: ignore[reportReturnType]


def _names_pictures(column: pa.Array, folder: Path) -> bool:
    """Whether all values are called as pictures are, and most files exist: the run says which do not."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return False
    names = [name for name in column.drop_null().slice(0, _LOOKED_AT).to_pylist() if name]
    if not names or not all(name.lower().endswith(PICTURE_ENDINGS) and "://" not in name for name in names):
        return False
    some = names[:_LOOKED_FOR]
    return 2 * sum(Path(located(str(folder), name) or name).is_file() for name in some) > len(some)
