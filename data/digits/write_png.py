"""Writes the digits as PNG files in a folder for each class: ``python data/digits/write_png.py FOLDER``.

``FOLDER/seven/1234.png`` is row 1234 of ``digits.parquet``, 8 x 8 grey values from 0 to 255.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from pyarrow import parquet

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SIDE, _MOST = 8, 16


def write(folder: Path) -> list[Path]:
    """Write all pictures; returns their paths in the order of the table."""
    table = parquet.read_table(Path(__file__).with_name("digits.parquet"))
    paths = []
    for row, (pixels, digit) in enumerate(zip(table["image"].to_pylist(), table["digit"].to_pylist(), strict=True)):
        grey = np.round(np.reshape(pixels, (_SIDE, _SIDE)) * (255 / _MOST)).astype(np.uint8)
        paths.append(folder / CLASSES[digit] / f"{row}.png")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grey).save(paths[-1])
    return paths


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python data/digits/write_png.py FOLDER")
    print(f"wrote {len(write(Path(sys.argv[1]))):,} pictures to {sys.argv[1]}")
