"""The file of weights that a network starts from is part of the training's cache key."""

from __future__ import annotations

import json

import pytest

from pipeline import dag
from pipeline.config.config import Config

pytestmark = pytest.mark.tensorflow


def test_other_weights_of_the_same_name_are_another_training(tmp_path):
    weights = tmp_path / "w.h5"
    config = Config(
        name="small",
        data={"path": "data/taxi"},
        label={"column": "tips"},
        trainer={"model": {"name": "backbone", "weights": str(weights)}},
        gates={"evaluation": {"thresholds": [{"metric": "auc", "min": 0.5}]}},
        serving={"model_name": "small"},
        runs=tmp_path,
    )
    found = []
    for content in (b"one", b"two", b"one"):
        weights.write_bytes(content)
        found.append(json.loads(dag.nodes(config)["Trainer"].exec_properties["custom_config"]))
    assert found[0] == found[2] != found[1]
    assert {key for key in found[0] if found[0][key] != found[1][key]} == {"weights_digest"}
    # One behind a URI is known by its name alone.
    weights.unlink()
    assert "weights_digest" not in json.loads(dag.nodes(config)["Trainer"].exec_properties["custom_config"])
