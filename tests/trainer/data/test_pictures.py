"""Pictures take a byte for each pixel while training, unless a pixel is no whole number."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.shared.models.small_model import serialize
from trainer.data import columns
from trainer.data.columns import read_columns

pytestmark = pytest.mark.tensorflow

SPEC = {
    "id": tf.io.FixedLenFeature([1], tf.int64),
    "image_0": tf.io.FixedLenFeature([8, 8, 3], tf.float32),
    "image_1": tf.io.FixedLenFeature([2, 2, 1], tf.float32),
}
SCALES = {"image_0": 255.0, "image_1": 16.0}
RANDOM = np.random.default_rng(0)


def pictures(rows: int) -> dict[str, np.ndarray]:
    """Every value of a byte, as Transform divides it."""
    first = np.resize(np.arange(256, dtype=np.float32), (rows, 8, 8, 3)) / np.float32(255)
    return {"image_0": first, "image_1": RANDOM.integers(0, 17, (rows, 2, 2, 1)).astype(np.float32) / 16}


def read(folder, values: dict[str, np.ndarray], *, first_id: int = 0, memory_bytes: int = 10**9):
    rows = len(values["image_0"])
    with tf.io.TFRecordWriter(str(folder / "a.gz"), "GZIP") as writer:
        for row in range(rows):
            flat = {name: array[row].ravel().tolist() for name, array in values.items()}
            writer.write(serialize({"id": first_id + row, **flat}))
    scratch = str(folder / "scratch")
    found = read_columns([str(folder / "a.gz")], SPEC, memory_bytes=memory_bytes, scratch=scratch, pixels=SCALES)
    unpacked = found.layout.unpack(found.take(np.arange(rows)))
    for name, array in values.items():
        np.testing.assert_array_equal(unpacked[name], array)
    np.testing.assert_array_equal(unpacked["id"][:, 0], first_id + np.arange(rows))
    return found


@pytest.mark.parametrize("memory_bytes", [10**9, 1000], ids=["in memory", "mapped"])
def test_a_pixel_is_a_byte(tmp_path, memory_bytes):
    found = read(tmp_path, pictures(70), memory_bytes=memory_bytes)
    assert found.layout.widths() == {"int32": 1, "uint8": 8 * 8 * 3 + 4}
    assert found.row_bytes == 4 + 8 * 8 * 3 + 4
    assert found.layout.picture_sides == (8, 8, 2, 2)
    assert found.in_memory == (memory_bytes == 10**9)


def test_large_ids_beside_pictures_leave_these_small(tmp_path):
    assert read(tmp_path, pictures(5), first_id=2**40).layout.widths() == {"int64": 1, "uint8": 196}


@pytest.mark.parametrize("odd", [0.5, -1 / 255, 256 / 255, float("nan")])
def test_a_picture_of_other_numbers_stays_as_it_is(tmp_path, odd):
    values = pictures(5)
    values["image_0"][3, 1, 1, 1] = odd
    assert read(tmp_path, values).layout.widths() == {"float32": 196, "int32": 1}


def test_large_pictures_are_parsed_some_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "_BYTES_PER_PARSE", 4096)
    assert read(tmp_path, pictures(33)).rows == 33
