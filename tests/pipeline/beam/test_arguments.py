"""Beam's own parser takes every argument, and each value arrives where Beam looks for it."""

from __future__ import annotations

import logging

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners import create_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from tfx.utils import dependency_utils

from pipeline.config.beam.in_process import InProcess
from pipeline.config.beam.portable import Portable

pytestmark = pytest.mark.tensorflow

DEPENDENCIES = b"submission_environment_dependencies.txt"
IN_PROCESS = InProcess(mode="multi_processing", workers=0)
PORTABLE = Portable(
    runner="PortableRunner", job_endpoint="jobs:8099", worker_pool="pool:50001", parallelism=3, limit_minutes=90
)


def options(given) -> PipelineOptions:
    return PipelineOptions(given.arguments())


@pytest.mark.parametrize("given", [IN_PROCESS, PORTABLE], ids=lambda given: given.runner)
def test_beam_knows_every_argument_and_finds_nothing_wrong(given, caplog):
    parsed = options(given)
    parsed.get_all_options(display_warnings=True)
    assert "unparseable" not in caplog.text.lower()
    assert "discarding" not in caplog.text.lower()
    runner = create_runner(parsed.view_as(StandardOptions).runner)
    assert PipelineOptionsValidator(parsed, runner).validate() == []


def test_an_argument_that_beam_does_not_know_would_be_seen(caplog, monkeypatch):
    # A program that ran in this process before may have switched this logger off, or all of Beam's.
    logger = logging.getLogger("apache_beam.options.pipeline_options")
    monkeypatch.setattr(logger, "disabled", False)
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    with caplog.at_level(logging.WARNING, logger=logger.name):
        PipelineOptions([*PORTABLE.arguments(), "--paralelism=3"]).get_all_options(display_warnings=True)
    assert "unparseable" in caplog.text.lower()


@pytest.mark.parametrize("given", [IN_PROCESS, PORTABLE], ids=lambda given: given.runner)
def test_tfx_packs_no_source_distribution(given):
    assert dependency_utils.make_beam_dependency_flags(given.arguments()) == given.arguments()


def test_in_process():
    direct = options(IN_PROCESS).view_as(DirectOptions)
    assert (direct.direct_running_mode, direct.direct_num_workers) == ("multi_processing", 0)
    assert type(create_runner(options(IN_PROCESS).view_as(StandardOptions).runner)).__name__ == "FnApiRunner"


def test_portable():
    portable = options(PORTABLE).view_as(PortableOptions)
    assert portable.job_endpoint == "jobs:8099"
    # Longer than the longest job: some job servers' state streams get this deadline.
    assert portable.job_server_timeout == 90 * 60 + 60


def test_the_environment_is_the_pool_and_knows_of_no_image():
    pipeline = beam.Pipeline(options=options(PORTABLE))
    pipeline | beam.Create([1]) | beam.Map(str)
    (environment,) = (
        found
        for found in pipeline.to_runner_api(
            default_environment=beam.transforms.environments.Environment.from_options(
                pipeline.options.view_as(PortableOptions)
            )
        ).components.environments.values()
        if found.urn != common_urns.environments.DEFAULT.urn
    )
    assert environment.urn == common_urns.environments.EXTERNAL.urn
    payload = beam_runner_api_pb2.ExternalPayload.FromString(environment.payload)
    assert payload.endpoint.url == "pool:50001"
    # No package is sent along, which a pool would not install; only Beam's list of what is installed here.
    assert [found.role_payload.lstrip(b"\n'") for found in environment.dependencies] in ([], [DEPENDENCIES])


def test_what_a_job_server_is_sent():
    class Server:
        def DescribePipelineOptions(self, request, timeout):  # noqa: N802 -- gRPC's name
            from apache_beam.portability.api import beam_job_api_pb2

            return beam_job_api_pb2.DescribePipelineOptionsResponse()

    sent = JobServiceHandle(Server(), options(PORTABLE)).get_pipeline_options()
    assert sent["beam:option:parallelism:v1"] == "3"
    without = JobServiceHandle(
        Server(), options(PORTABLE.model_copy(update={"parallelism": None}))
    ).get_pipeline_options()
    # Beam's word for "as the engine likes".
    assert without["beam:option:parallelism:v1"] == "-1"
