"""The input of the files of a Flink cluster: the cluster's options, and the profile's settings of Beam."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated

import yaml
from pydantic import Field, PositiveInt, ValidationError, model_validator

from pipeline.config.beam.flink import Flink
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.config.platform.kubeflow import Kubeflow
from serving.kubernetes_types import Memory, ObjectName
from trainer.parameters import Strict

# Beam 2.77 publishes job servers for these: FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS; a test compares them.
FLINK_VERSIONS = ("1.19", "1.20", "2.0", "2.1", "2.2")
_FLAG = "--cluster"
_FLINK_IMAGE = re.compile(r"[^@]*:(?P<flink>[0-9]+\.[0-9]+)(\.[0-9]+)?([-_][^@/:]*)?(@sha256:[0-9a-f]{64})?")
_JOB_SERVER_IMAGE = re.compile(r"[^@]*beam_flink(?P<flink>[0-9.]+)_job_server:(?P<beam>[^@/:]+)(@sha256:[0-9a-f]{64})?")
_SERVICE = re.compile(r"(?P<name>[a-z]([-a-z0-9]{0,61}[a-z0-9])?)(\.(?P<namespace>[a-z0-9-]+)(\.svc(\.[a-z.]+)?)?)?")
_LOCAL = ("localhost", "127.0.0.1")


class Pod(Strict):
    """Resources of one container: cores, and memory as Kubernetes writes it."""

    cpu: float = Field(gt=0)
    memory: Memory


class FlinkCluster(Strict):
    """A session cluster of the Flink operator.

    Attributes:
        name: name of the FlinkDeployment.
        flink_version: minor version, also of the image and the job server.
        flink_image: Flink's image; its tag begins with the full version.
        job_server_image: Beam's image; None takes the one that Beam publishes for both versions.
        task_managers: maximum; the operator starts them for jobs and ends them when they are idle.
        slots: parallel tasks per task manager.
        job_manager: resources of its pod.
        task_manager: resources of Flink's container in each task manager.
        network_memory: its part for data between tasks; TFX's graphs have hundreds of edges.
        workers: resources of the container of Beam's Python workers beside each task manager, shared by all slots.
        job_server: resources of its pod.
        account: the job manager's service account, which may start pods; the operator's chart creates it.
        operator_namespace: namespace of the operator.
    """

    name: ObjectName = "beam-flink"
    flink_version: str = "1.19"
    flink_image: str = "flink:1.19.3-scala_2.12-java17"
    job_server_image: str | None = None
    task_managers: PositiveInt = 2
    slots: PositiveInt = 2
    job_manager: Pod = Pod(cpu=1, memory="2Gi")
    task_manager: Pod = Pod(cpu=2, memory="4Gi")
    network_memory: Memory = "512Mi"
    workers: Pod = Pod(cpu=2, memory="8Gi")
    job_server: Pod = Pod(cpu=1, memory="2Gi")
    account: Annotated[str, Field(min_length=1)] = "flink"
    operator_namespace: Annotated[str, Field(min_length=1)] = "flink-operator"

    @model_validator(mode="after")
    def _versions_are_equal(self) -> FlinkCluster:
        if self.flink_version not in FLINK_VERSIONS:
            raise ValueError(
                f"flink_version: Beam {beam_version()} has no job server for Flink {self.flink_version}; "
                f"there are {', '.join(FLINK_VERSIONS)}"
            )
        image = _FLINK_IMAGE.fullmatch(self.flink_image)
        if image is None:
            raise ValueError(f"flink_image: {self.flink_image!r} names no version; use one such as flink:1.19.3-java17")
        if image["flink"] != self.flink_version:
            raise ValueError(f"flink_image: {self.flink_image!r} is not Flink {self.flink_version} (flink_version)")
        server = _JOB_SERVER_IMAGE.fullmatch(self.beam_image)
        if server is None or (server["flink"], server["beam"]) != (self.flink_version, beam_version()):
            raise ValueError(
                f"job_server_image: {self.beam_image!r} must be beam_flink{self.flink_version}_job_server:"
                f"{beam_version()}, the versions of Flink and of the lock's Beam"
            )
        return self

    @property
    def beam_image(self) -> str:
        """The job server's image."""
        return self.job_server_image or f"apache/beam_flink{self.flink_version}_job_server:{beam_version()}"


@dataclass(frozen=True, kw_only=True)
class JobServerPlan:
    """The input of one set of files.

    Attributes:
        cluster: options of the command line.
        platform: the profile's platform, whose image runs Beam's workers.
        service: name of the job server's Service.
        host: the same name as the profile writes it, with or without its namespace.
        job_port: port of the job server.
        pool_port: port of the worker pool in each task manager's pod.
    """

    cluster: FlinkCluster
    platform: Kubeflow
    service: str
    host: str
    job_port: int
    pool_port: int


def beam_version() -> str:
    """Version of the installed Beam, which is the lock's."""
    return version("apache-beam")


def plan(config: Config, words: Mapping[str, str]) -> JobServerPlan:
    """Combine the profile with the command line's options.

    Args:
        config: configuration with a profile of Kubeflow and the FlinkRunner.
        words: options of `FlinkCluster` as text, by key.

    Raises:
        ConfigError: the profile has another platform or runner, or a value is wrong.
    """
    platform, beam = config.platform, config.beam
    if not isinstance(platform, Kubeflow) or not isinstance(beam, Flink):
        raise ConfigError(
            "flink-files: the profile must have platform.kind: kubeflow and beam.runner: FlinkRunner; "
            "use one such as flink_kubernetes."
        )
    host, job_port = _split(beam.job_endpoint)
    service = _SERVICE.fullmatch(host)
    if service is None or host in _LOCAL:
        raise ConfigError(f"beam.job_endpoint: {host!r} must be the name of a Service, such as beam-job-server:8099.")
    namespace = platform.namespace
    if service["namespace"] not in (None, namespace):
        raise ConfigError(
            f"beam.job_endpoint: {host!r} is in another namespace than the pods, {namespace} (platform.namespace)."
        )
    pool_host, pool_port = _split(beam.worker_pool)
    if pool_host not in _LOCAL:
        raise ConfigError(
            f"beam.worker_pool: {pool_host!r} must be localhost: the pool is in the pod of each task manager."
        )
    return JobServerPlan(
        cluster=_cluster(words),
        platform=platform,
        service=service["name"],
        host=host,
        job_port=job_port,
        pool_port=pool_port,
    )


def _split(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.rpartition(":")
    return host, int(port)


def _cluster(words: Mapping[str, str]) -> FlinkCluster:
    tree = {}
    for key, text in words.items():
        # A version is a text, even if it looks like a number.
        tree[key] = text if key.endswith(("version", "image")) else _value(key, text)
    try:
        return FlinkCluster.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(FlinkCluster.model_fields)
            raise ConfigError(f"{_FLAG} {key}: unknown key; known here: {known}.") from None
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{_FLAG} {key}{': ' if key else ''}{message}.") from None


def _value(key: str, text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{_FLAG} {key}={text}: the value is not valid YAML.") from None
