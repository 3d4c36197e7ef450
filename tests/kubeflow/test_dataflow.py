"""Dataflow as far as one machine goes: TFX and Beam's own client against a local service and a local bucket.

The service takes the job and calls it done; nothing of it is run.
"""

import json
import logging
import re
import shutil
import tarfile
from pathlib import Path

import pytest
import tensorflow as tf
from apache_beam.internal.gcp.auth import _Credentials
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner
from apache_beam.runners.portability.stager import Stager
from apache_beam.utils import retry
from google.cloud import dataflow_v1beta3
from tfx.components.statistics_gen.executor import Executor
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from pipeline.config.loading import load
from pipeline.running.reasons import reason_of
from tests.kubeflow.fakes.http_service import Refusal, Service, running
from tests.shared.services import buckets

pytestmark = pytest.mark.tensorflow
JOBS = "/v1b3/projects/my-project/locations/europe-west4/jobs"
NO_IMAGE = ("beam.worker_image=null",)


def arguments(taxi_config, *overrides) -> list[str]:
    return load(config=taxi_config, profile="dataflow", overrides=overrides).beam.arguments()


class Dataflow(Service):
    """Takes every job; it is done when it is asked for."""

    def __init__(self):
        super().__init__()
        done = {"id": "job-1", "name": "beam", "currentState": "JOB_STATE_DONE", "location": "europe-west4"}
        self.route("POST", JOBS, lambda request: {**done, "clientRequestId": request.body["clientRequestId"]})
        self.route("GET", f"{JOBS}/job-1", lambda _: done)
        self.route("GET", f"{JOBS}/job-1/messages", lambda _: {})

    @property
    def jobs(self) -> list[dataflow_v1beta3.Job]:
        """As Google's own types read the bodies, which refuses unknown fields."""
        return [dataflow_v1beta3.Job.from_json(json.dumps(each.body)) for each in self.requests(f"POST {JOBS}$")]


@pytest.fixture
def service(monkeypatch):
    # Whose credentials they are is asked over the network.
    monkeypatch.setattr(_Credentials, "_credentials_init", True)
    monkeypatch.setattr(_Credentials, "_credentials", None)
    # Beam tries again for minutes what will be refused again.
    monkeypatch.setattr(retry.Clock, "sleep", lambda *_: None)
    with running(Dataflow()) as started:
        yield started


@pytest.fixture
def bucket(monkeypatch):
    with buckets.emulator(monkeypatch) as store:
        yield store


def run_statistics(service, folder: Path, *arguments: str) -> None:
    """StatisticsGen's executor on one example, as a platform's task runs it."""
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(folder / "examples"), '["train"]'
    (folder / "examples" / "Split-train").mkdir(parents=True)
    with tf.io.TFRecordWriter(f"{examples.uri}/Split-train/data_tfrecord-00000-of-00001.gz", "GZIP") as writer:
        writer.write(tf.train.Example().SerializeToString())
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(folder / "statistics")
    endpoint = f"--dataflow_endpoint={service.url.replace('127.0.0.1', 'localhost')}"
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=[*arguments, endpoint, "--no_auth", f"--job_name={folder.name.replace('_', '-').lower()}"],
        tmp_dir=str(folder / "tmp"),
        unique_id="1",
    )
    Executor(context).Do({"examples": [examples]}, {"statistics": [statistics]}, {"exclude_splits": "[]"})


def in_bucket(arguments: list[str]) -> list[str]:
    return [argument.replace("gs://my-bucket/", f"gs://{buckets.BUCKET}/") for argument in arguments]


def test_the_request_for_a_node_s_job_says_what_the_profile_says(taxi_config, service, bucket, tmp_path):
    given = in_bucket(
        arguments(taxi_config, "beam.subnetwork=regions/europe-west4/subnetworks/main", "beam.public_ips=false")
    )
    run_statistics(service, tmp_path, *given)
    [job] = service.jobs
    assert job.type_.name == "JOB_TYPE_BATCH"
    environment = job.environment
    assert environment.service_account_email == "pipeline-dataflow@my-project.iam.gserviceaccount.com"
    assert environment.temp_storage_prefix.startswith(f"storage.googleapis.com/{buckets.BUCKET}/dataflow/")
    assert "use_runner_v2" in environment.experiments
    [pool] = environment.worker_pools
    image = next(argument.partition("=")[2] for argument in given if "sdk_container_image" in argument)
    assert [each.container_image for each in pool.sdk_harness_container_images] == [image]
    assert (pool.machine_type, pool.disk_size_gb, pool.num_workers) == ("n1-standard-4", 50, 1)
    scaling = pool.autoscaling_settings
    assert (scaling.algorithm.name, scaling.max_num_workers) == ("AUTOSCALING_ALGORITHM_BASIC", 10)
    assert pool.subnetwork == "regions/europe-west4/subnetworks/main"
    assert pool.ip_configuration.name == "WORKER_IP_PRIVATE"
    staged = {name.rpartition("/")[2] for name in bucket.contents()}
    # The image has the code: neither the project nor TFX is sent along.
    assert staged == {"pipeline.pb", "submission_environment_dependencies.txt"}


@pytest.mark.slow
def test_a_fixed_number_of_workers_is_not_scaled(taxi_config, service, bucket, tmp_path):
    run_statistics(service, tmp_path, *in_bucket(arguments(taxi_config, "beam.autoscaling=none", "beam.workers=3")))
    [pool] = service.jobs[0].environment.worker_pools
    assert pool.num_workers == 3
    assert pool.autoscaling_settings.algorithm.name == "AUTOSCALING_ALGORITHM_NONE"


def copied(folder: Path) -> Path:
    """The project as a build finds it, since a build leaves files beside it."""
    ignored = shutil.ignore_patterns(".*", "__pycache__", "runs", "build", "*.egg-info")
    return Path(shutil.copytree(Path.cwd(), folder / "project", ignore=ignored))


@pytest.mark.slow
def test_without_an_image_the_project_is_staged(taxi_config, service, bucket, tmp_path, monkeypatch):
    monkeypatch.chdir(copied(tmp_path))
    run_statistics(service, tmp_path, *in_bucket(arguments(taxi_config, *NO_IMAGE)))
    [pool] = service.jobs[0].environment.worker_pools
    assert "workflow.tar.gz" in {package.name for package in pool.packages}
    [image] = [each.container_image for each in pool.sdk_harness_container_images]
    assert re.search(r"beam_python3\.11_sdk:2\.77", image)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "name", "message"),
    [
        (403, "PERMISSION_DENIED", "The caller lacks dataflow.jobs.create"),
        (404, "NOT_FOUND", "The project my-project was not found"),
        (429, "RESOURCE_EXHAUSTED", "Quota exceeded for n1 CPUs in europe-west4"),
    ],
)
def test_a_refusal_is_one_line_with_google_s_words(taxi_config, service, bucket, tmp_path, status, name, message):
    body = {"error": {"code": status, "message": message, "status": name}}
    service.plant(f"POST {JOBS}$", Refusal(status, body), times=9)
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    with pytest.raises(Exception, match=message) as raised:
        run_statistics(service, tmp_path, *in_bucket(arguments(taxi_config)))
    line = reason_of(raised.value)
    assert message in line
    assert "\n" not in line


@pytest.mark.slow
def test_a_bucket_that_nobody_may_write_is_named(taxi_config, service, bucket, tmp_path):
    bucket.fault = 403
    with pytest.raises(OSError, match="write access") as raised:
        run_statistics(service, tmp_path, *in_bucket(arguments(taxi_config)))
    assert f"gs://{buckets.BUCKET}/dataflow" in reason_of(raised.value)
    assert service.jobs == []


@pytest.fixture
def asked_bucket(service, bucket):
    """The validator asks for the bucket's properties; who asks is not its matter."""


def problems(arguments: list[str]) -> list[str]:
    return PipelineOptionsValidator(PipelineOptions(arguments), DataflowRunner()).validate()


@pytest.mark.usefixtures("asked_bucket")
def test_beam_accepts_the_arguments(taxi_config):
    for overrides in ((), NO_IMAGE, ("beam.public_ips=false", "beam.autoscaling=none")):
        given = in_bucket(arguments(taxi_config, *overrides))
        assert problems(given) == []
        known = PipelineOptions(given).get_all_options(drop_default=True, retain_unknown_options=False)
        every = PipelineOptions(given).get_all_options(drop_default=True, retain_unknown_options=True)
        assert set(every) == set(known)


@pytest.mark.usefixtures("asked_bucket")
def test_beam_refuses_what_our_types_let_through(taxi_config):
    given = in_bucket(arguments(taxi_config, "beam.project='123456'"))
    assert any("not project number" in problem for problem in problems(given))


def test_the_archive_for_workers_holds_all_code_and_data(taxi_config, tmp_path, monkeypatch):
    """Made by Beam itself from our setup.py."""
    monkeypatch.chdir(copied(tmp_path))
    setup_file = PipelineOptions(arguments(taxi_config, *NO_IMAGE)).view_as(SetupOptions).setup_file
    assert setup_file == "./setup.py"
    archive = Stager._build_setup_package(setup_file, str(tmp_path), None)
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    packages = ("components", "kubeflow", "pipeline", "serving", "trainer")
    wanted = {str(path) for package in packages for path in Path(package).rglob("*.py")}
    wanted |= {
        "setup.py",
        *map(str, Path("pipeline/report/html").glob("*.*")),
        *map(str, Path("serving/client").rglob("*.binpb")),
    }
    assert wanted - names == set()
