"""One picture file: the bytes behind a path or a URI, or why they are no picture."""

from __future__ import annotations

import posixpath
from pathlib import Path

from components.example_gen.readers.table_files import open_file
from components.messages import one_line

# Eight are read at a time; a picture for a network is a hundredth of it.
MOST_BYTES = 64 * 2**20
_REASON = 90
# A BMP with more bits a pixel holds the colours themselves.
_TABLE_BITS = 8


class NoPicture(Exception):
    """A file cannot be read as a picture; the text follows its name."""


def located(folder: str | None, name: str) -> str | None:
    """Where a file is.

    Args:
        folder: path or URI of the folder that relative names begin in; None if there is none.
        name: a relative or absolute path, or a URI.

    Returns:
        A path or URI; None for a relative name without a folder.
    """
    if "://" in name or name.startswith("/"):
        return name
    if folder is None:
        return None
    scheme, found, rest = folder.rpartition("://")
    return f"{scheme}{found}{posixpath.normpath(posixpath.join(rest, name))}"


def leads_out(folder: str | None, name: str) -> bool:
    """Whether a relative name leaves the folder that it begins in: the two could not be moved together."""
    if not folder or "://" in name or name.startswith("/"):
        return False
    return posixpath.normpath(name).split("/")[0] == ".."


def is_picture(data: bytes) -> bool:
    """Whether bytes begin as a picture does that the kind ``image`` reads."""
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")) or (
        data.startswith(b"BM") and data[6:10] == b"\0\0\0\0"
    )


def content(path: str) -> bytes:
    """The bytes of a picture, which TensorFlow can decode.

    Raises:
        NoPicture: there is no such file, or it is no complete picture.
    """
    data = _read(path)
    if not data:
        raise NoPicture("which is empty; replace the file")
    if len(data) > MOST_BYTES:
        raise NoPicture(f"which has more than {MOST_BYTES // 2**20} MB; make the picture smaller")
    if not is_picture(data):
        raise NoPicture("which is no picture: its bytes are not those of PNG, JPEG, GIF or BMP; replace the file")
    if _has_colour_table(data):
        raise NoPicture("which is a BMP with a table of colours, which cannot be read; save it as PNG")
    _check_decoded(data)
    return data


def _has_colour_table(data: bytes) -> bool:
    """Whether a pixel of a BMP is a number in a table of colours, other than that of the greys from 0 to 255."""
    header, bits = int.from_bytes(data[14:18], "little"), int.from_bytes(data[28:30], "little")
    if not data.startswith(b"BM") or bits > _TABLE_BITS:
        return False
    first, pixels = 14 + header, int.from_bytes(data[10:14], "little")
    # The oldest header has no fourth byte in the table.
    width = 3 if header == 12 else 4
    places = range(first, min(pixels, first + 256 * width), width)
    return any(data[place : place + 3] != bytes([grey]) * 3 for grey, place in enumerate(places))


def _read(path: str) -> bytes:
    if "://" not in path:
        return _read_here(path)
    try:
        with open_file(path) as stream:
            return stream.read(MOST_BYTES + 1)
    except Exception as error:
        # Each of Beam's file systems raises errors of its own.
        raise NoPicture(f"which cannot be read ({_short(error)}); check the address") from None


def _read_here(path: str) -> bytes:
    try:
        # A named pipe would wait for ever.
        if Path(path).exists() and not Path(path).is_file():
            what = "a folder" if Path(path).is_dir() else "no regular file"
            raise NoPicture(f"which is {what}; name a picture file")
        with open_file(path) as stream:
            return stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise NoPicture("which does not exist; add the file, or leave the cell empty") from None
    except (OSError, ValueError) as error:
        # Such as a path with a NUL character.
        raise NoPicture(f"which cannot be read ({_short(error)}); correct it") from None


def _check_decoded(data: bytes) -> None:
    """Decode as Transform and the served model do: what fails there would not name the file."""
    import tensorflow as tf

    try:
        with tf.device("/cpu:0"):
            tf.io.decode_image(data, expand_animations=False)
    except tf.errors.OpError as error:
        reason = error.message.partition("[Op:")[0].partition("}}")
        text = one_line((reason[2] or reason[0]).strip(), limit=_REASON)
        raise NoPicture(f"which is cut off or damaged ({text}); replace the file") from None


def _short(error: Exception) -> str:
    text = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return one_line(text, limit=_REASON + 30)
