"""Beam's own parser takes every argument of Dataflow, and each value arrives where Beam looks for it."""

from __future__ import annotations

import pytest
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners import create_runner
from tfx.utils import dependency_utils

from pipeline.config.beam.dataflow import Dataflow

pytestmark = pytest.mark.tensorflow

DATAFLOW = Dataflow(
    runner="DataflowRunner",
    project="acme",
    region="europe-west4",
    temp_location="gs://acme/tmp/",
    worker_image="registry/worker@sha256:1",
    service_account="worker@acme.iam.gserviceaccount.com",
    machine_type="n2-standard-8",
    disk_gb=80,
    workers=2,
    max_workers=7,
    subnetwork="regions/europe-west4/subnetworks/inner",
    public_ips=False,
)
FIXED = Dataflow(
    runner="DataflowRunner", project="acme", region="r", temp_location="gs://acme/tmp", autoscaling="none", workers=5
)


def options(given) -> PipelineOptions:
    return PipelineOptions(given.arguments())


@pytest.mark.parametrize("given", [DATAFLOW, FIXED], ids=["throughput", "none"])
def test_beam_knows_every_argument_and_finds_nothing_wrong(given, caplog, monkeypatch):
    # It asks the bucket, which is not there.
    monkeypatch.setattr(GoogleCloudOptions, "_warn_if_soft_delete_policy_enabled", lambda self, name: None)
    parsed = options(given)
    parsed.get_all_options(display_warnings=True)
    assert "unparseable" not in caplog.text.lower()
    assert "discarding" not in caplog.text.lower()
    runner = create_runner(parsed.view_as(StandardOptions).runner)
    assert PipelineOptionsValidator(parsed, runner).validate() == []


def test_tfx_packs_no_source_distribution():
    assert dependency_utils.make_beam_dependency_flags(DATAFLOW.arguments()) == DATAFLOW.arguments()


def test_dataflow():
    cloud, worker = options(DATAFLOW).view_as(GoogleCloudOptions), options(DATAFLOW).view_as(WorkerOptions)
    assert (cloud.project, cloud.region) == ("acme", "europe-west4")
    assert (cloud.temp_location, cloud.staging_location) == ("gs://acme/tmp/", "gs://acme/tmp/staging")
    assert cloud.service_account_email == "worker@acme.iam.gserviceaccount.com"
    assert (worker.machine_type, worker.disk_size_gb) == ("n2-standard-8", 80)
    assert (worker.num_workers, worker.max_num_workers) == (2, 7)
    assert worker.autoscaling_algorithm == "THROUGHPUT_BASED"
    assert worker.sdk_container_image == "registry/worker@sha256:1"
    assert (worker.subnetwork, worker.use_public_ips) == ("regions/europe-west4/subnetworks/inner", False)
    assert options(DATAFLOW).view_as(SetupOptions).sdk_location == "container"
    assert options(DATAFLOW).view_as(SetupOptions).setup_file is None


def test_dataflow_with_a_fixed_number_of_workers_that_install_the_project():
    worker = options(FIXED).view_as(WorkerOptions)
    assert (worker.autoscaling_algorithm, worker.num_workers, worker.max_num_workers) == ("NONE", 5, None)
    assert worker.use_public_ips is None
    assert options(FIXED).view_as(SetupOptions).setup_file == "./setup.py"
