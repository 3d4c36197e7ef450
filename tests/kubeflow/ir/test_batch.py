"""Batch inference as a task of a compiled pipeline."""

import json

import pytest

from tests.kubeflow.ir.golden_ir import PROFILES, config_of

pytestmark = pytest.mark.tensorflow

BATCH = "batch={input: ['gs://acme/trips/*.parquet'], keys: [trip_start_timestamp], max_bad: 3}"


@pytest.mark.parametrize("profile", PROFILES)
def test_the_task_follows_the_push_and_runs_every_time(profile):
    from kubeflow.ir.compiler import compile_pipeline

    compiled = compile_pipeline(config_of(profile, BATCH))
    task = compiled.tasks()["BatchInference"]
    assert {"Pusher", "Trainer"} <= set(task["dependentTasks"])
    assert not task.get("cachingOptions", {}).get("enableCache")
    given = {name: value["runtimeValue"]["constant"] for name, value in task["inputs"]["parameters"].items()}
    assert json.loads(given["input"]) == ["gs://acme/trips/*.parquet"]
    assert (json.loads(given["keys"]), given["max_bad"], given["format"]) == (["trip_start_timestamp"], 3, "parquet")
    assert "BatchInference" not in compile_pipeline(config_of(profile)).tasks()
