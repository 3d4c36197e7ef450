"""The taxi pipeline with batch inference, compiled for Kubeflow Pipelines, run from its YAML."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from tests.kubeflow.backend.taxi import KubeflowWorld

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


def test_files_of_the_image_are_scored_with_the_version_that_was_pushed(tmp_path):
    world = KubeflowWorld(tmp_path / "world")
    run, kept = world.pushed("batch={input: [data/more], keys: [fare]}")
    assert run.states()["BatchInference"] == "SUCCEEDED", run.said()
    table = pq.read_table(world.files(run, "BatchInference", "scores"))
    assert table.num_rows == 3000
    assert table.column_names == ["fare", "model_version", "probability"]
    assert set(table["model_version"].to_pylist()) == {kept.versions[-1]}
