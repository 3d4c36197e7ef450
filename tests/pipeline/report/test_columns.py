"""How columns are drawn from deciles, and which come first."""

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.gates.data.drift.limits import Limits
from pipeline.report.data.columns import EVAL, SERVED, TRAIN, bins, columns, shares, top

pytestmark = pytest.mark.tensorflow


def statistics(seed: int, *, shift: float = 0.0):
    random = np.random.default_rng(seed)
    size = random.normal(shift, 1, 4000)
    size[:5] = 1e6
    town = random.choice(["Ulm", "Bonn", None], 4000, p=[0.6, 0.3, 0.1])
    frame = pd.DataFrame({"size": size, "town": town, "same": np.ones(4000)})
    return tfdv.generate_statistics_from_dataframe(frame).datasets[0]


def test_what_moved_comes_first_and_an_outlier_does_not_fill_the_plot():
    now = {"train": statistics(1), "eval": statistics(2)}
    found = {one.name: one for one in columns(now, {"train": statistics(3, shift=3.0)}, Limits())}
    size, town = found["size"], found["town"]
    assert set(size.sides) == {TRAIN, EVAL, SERVED}
    assert size.drifted
    assert not town.drifted
    assert size.unusual > town.unusual
    assert town.missing[TRAIN] == pytest.approx(0.1, abs=0.03)
    edges = bins(size.sides.values())
    assert -10 < edges[0] < edges[-1] < 10
    assert 0.75 < sum(shares(size.sides[TRAIN], edges)) <= 1
    assert list(top(town.sides[TRAIN], 1)) == ["Ulm"]
    assert bins(found["same"].sides.values()) == []
    first_run = next(columns({"train": statistics(1)}, {}, Limits()))
    assert (first_run.moved, first_run.apart) == (None, None)
