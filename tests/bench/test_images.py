"""What the benchmark of pictures makes and prints; it is run whole by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from bench.images import data

pytestmark = pytest.mark.tensorflow


def test_the_pictures_are_of_all_classes_and_of_one_size(tmp_path):
    data.write(tmp_path, count=13, side=16)
    files = sorted(tmp_path.glob("*/*.png"))
    assert len(files) == 13
    assert {file.parent.name for file in files} == set(data.CLASSES)
    pictures = [np.asarray(Image.open(file)) for file in files]
    assert {picture.shape for picture in pictures} == {(16, 16, 3)}
    assert all(picture.std() > 5 for picture in pictures)
    before = files[0].read_bytes()
    data.write(tmp_path, count=13, side=16)
    assert files[0].read_bytes() == before


def test_the_headline_is_the_share_of_waiting_beside_the_best_peers():
    from bench.images.__main__ import lines
    from bench.images.ways import Turn

    turns = {
        "ours": [Turn(10.0, 0.1, 8.0), Turn(20.0, 0.4, 8.0)],
        "augmented": [Turn(10.0, 0.2, 9.0)] * 2,
        "decoding": [Turn(20.0, 10.0, 16.0)] * 2,
        "cached": [Turn(10.0, 1.0, 10.0)] * 2,
    }
    *others, headline = map(json.loads, lines(turns, examples=100))
    assert headline["what"] == "pictures, share of a step that waits for input"
    assert (headline["ours"], headline["peer"], headline["augmented"]) == (0.015, 0.1, 0.02)
    assert "cache" in headline["peer_name"]
    ratios = [(line["unit"], line["ratio"]) for line in others if line["what"] == "pictures, ours"]
    assert ratios == [
        ("examples/s", 1.5),
        ("us of CPU an example", 0.5),
        ("examples/s", 0.75),
        ("us of CPU an example", 0.8),
    ]
