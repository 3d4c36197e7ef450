"""A folder of pictures by class, as a table: ``cats/1.png`` becomes a row with the picture and ``cats``."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from PIL import Image, UnidentifiedImageError
from pyarrow import parquet

from pipeline.config.loading import ConfigError

PICTURE = "picture"
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_BATCH = 64
# A network for small pictures: larger ones are resized.
_LONGEST, _SHORTEST = 64, 8


def files_by_class(folder: Path) -> dict[str, list[Path]]:
    """The pictures in each subfolder; empty if there are none."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    found = {path.name: sorted(file for file in path.iterdir() if file.suffix.lower() in _ENDINGS) for path in folders}
    return {name: files for name, files in found.items() if files}


def batches(folder: Path, label: str) -> Iterator[pa.RecordBatch]:
    """Some pictures at a time, each with the name of its class in the column ``label``; the classes take turns.

    Raises:
        ConfigError: a file is no picture.
    """
    rows = [(name, file) for name, files in files_by_class(folder).items() for file in files]
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        pictures = [_checked(file) for _, file in some]
        yield pa.record_batch(
            {PICTURE: pa.array(pictures, pa.binary()), label: pa.array([name for name, _ in some], pa.string())}
        )


def write(folder: Path, label: str, path: Path) -> None:
    """Write the table to a Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema({PICTURE: pa.binary(), label: pa.string()})
    with parquet.ParquetWriter(path, schema) as writer:
        for batch in batches(folder, label):
            writer.write_batch(batch)


def is_picture(data: bytes) -> bool:
    """Whether bytes begin as a picture does that the kind ``image`` reads."""
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")) or (
        data.startswith(b"BM") and data[6:10] == b"\0\0\0\0"
    )


def shape(pictures: Sequence[bytes]) -> tuple[int, int, int]:
    """Height, width and channels to resize pictures to: the usual ones, but not too large for a small network."""
    sizes, grey = [], True
    for data in pictures:
        with Image.open(pa.BufferReader(data)) as picture:
            sizes.append(picture.size)
            grey = grey and picture.mode in ("1", "L")
    width, height = (statistics.median_high(side) for side in zip(*sizes, strict=True))
    scale = min(1.0, _LONGEST / max(width, height))
    sides = (max(_SHORTEST, round(side * scale)) for side in (height, width))
    return (*sides, 1 if grey else 3)  # pyright: ignore[reportReturnType]


def _checked(file: Path) -> bytes:
    data = file.read_bytes()
    try:
        with Image.open(pa.BufferReader(data)) as picture:
            picture.verify()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ConfigError(f"--data: {file} is no readable picture ({error}); remove it.") from None
    return data
