"""Picture files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def encoded(light: int, *, form: str = "PNG", size: tuple[int, int] = (6, 8)) -> bytes:
    """A grey picture of one brightness, as the bytes of a file."""
    stream = io.BytesIO()
    Image.fromarray(np.full(size, light, np.uint8)).save(stream, format=form)
    return stream.getvalue()


def write(path: Path, light: int, *, form: str = "PNG") -> bytes:
    """Write such a picture to a file; returns its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(light, form=form))
    return path.read_bytes()
