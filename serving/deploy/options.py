"""How a model is deployed: strict, frozen options, and the plan of one set of files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, model_validator

from serving.kubernetes_types import Cpu, Memory, ObjectName, cpu_cores, memory_kibibytes, object_name

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _pinned(image: str) -> str:
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if digest and not _DIGEST.fullmatch(digest):
        raise ValueError(f"{image!r}: a digest is sha256: and 64 hexadecimal digits")
    if tag == "latest" or not (tag or digest):
        raise ValueError(f"{image!r} changes over time; name a version, such as :2.19.1, or a digest")
    return image


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"{path!r} must be an absolute path on the node")
    return path.rstrip("/") or "/"


def _readable_by_the_server(uri: str) -> str:
    if uri.startswith("s3://"):
        raise ValueError(
            "the official image has no s3:// since 2.7 (tensorflow/serving#1963); use a claim or gs://, "
            "and for KServe, which copies the model first, kserve_storage_uri"
        )
    if not uri.startswith("gs://") or len(uri) == len("gs://"):
        raise ValueError(f"{uri!r} must begin with gs:// and name a bucket")
    return uri.rstrip("/")


class _Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Models(_Strict):
    """Where the pods find the models: one of the three, which holds ``MODEL_NAME/VERSION/``.

    Attributes:
        claim: an existing PersistentVolumeClaim that many nodes can read.
        host_path: a folder on every node, for a cluster of one machine.
        uri: a ``gs://`` folder, which the server reads itself.
    """

    claim: str | None = None
    host_path: Annotated[str, AfterValidator(_absolute)] | None = None
    uri: Annotated[str, AfterValidator(_readable_by_the_server)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Models:
        given = [key for key in ("claim", "host_path", "uri") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"needs one of claim, host_path and uri, got {' and '.join(given) or 'none'}")
        return self


class Versions(_Strict):
    """The versions served at the start.

    Attributes:
        latest: int, number of the newest versions; excludes ``specific``.
        specific: these versions only.
        labels: names for versions among ``specific``, such as ``{stable: 1700000000}``.
    """

    latest: PositiveInt | None = None
    specific: tuple[PositiveInt, ...] = ()
    labels: Mapping[Annotated[str, Field(min_length=1)], PositiveInt] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Versions:
        if self.latest and self.specific:
            raise ValueError("latest and specific exclude each other")
        for label, version in self.labels.items():
            if version not in self.specific:
                raise ValueError(
                    f"labels.{label}: {version} is not among specific; a label needs a version that stays served"
                )
        return self


class Batching(_Strict):
    """TF Serving's BatchingParameters, under its names."""

    max_batch_size: PositiveInt
    batch_timeout_micros: int = Field(default=1000, ge=0)
    max_enqueued_batches: PositiveInt = 100
    num_batch_threads: PositiveInt = 2
    allowed_batch_sizes: tuple[PositiveInt, ...] = ()
    pad_variable_length_inputs: bool = False

    @model_validator(mode="after")
    def _sizes_end_at_the_maximum(self) -> Batching:
        sizes = self.allowed_batch_sizes
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[-1] != self.max_batch_size):
            raise ValueError("allowed_batch_sizes must ascend, and the last must equal max_batch_size")
        return self


class ReplicaRange(_Strict):
    """The number of servers, scaled from ``min`` to ``max`` to use ``cpu_percent`` of the requested CPU."""

    min: PositiveInt = 2
    max: PositiveInt = 6
    cpu_percent: int = Field(default=70, ge=1, le=100)

    @model_validator(mode="after")
    def _ordered(self) -> ReplicaRange:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) is below min ({self.min})")
        return self


class Amounts(_Strict):
    """CPU in cores and memory in Mi or Gi, in Kubernetes' notation."""

    cpu: Cpu
    memory: Memory


class Resources(_Strict):
    """What a server is guaranteed and may use at most; while versions change, two are in memory."""

    requests: Amounts = Amounts(cpu="1", memory="2Gi")
    limits: Amounts = Amounts(cpu="2", memory="2Gi")

    @model_validator(mode="after")
    def _promise_fits(self) -> Resources:
        if cpu_cores(self.requests.cpu) > cpu_cores(self.limits.cpu):
            raise ValueError("requests.cpu is above limits.cpu")
        if memory_kibibytes(self.requests.memory) > memory_kibibytes(self.limits.memory):
            raise ValueError("requests.memory is above limits.memory")
        return self


class Deploy(_Strict):
    """The deploy files of one model.

    Attributes:
        image: TF Serving image with a version or a digest; ``latest`` is refused.
        name: name of the Kubernetes objects; None: from the model's name.
        models: where the pods find the models. docker compose mounts the run's serving folder instead.
        versions: the versions served at the start; ``serving.versions`` changes them later.
        batching: batching parameters; None: every request runs by itself.
        replicas: number of servers.
        resources: CPU and memory of each server.
        user: int, user and group of the server; it must be able to read the models.
        service_account: the pods' account, for ``gs://``; its token is not mounted.
        prometheus_namespace: namespace of Prometheus: adds scrape annotations, and admits that namespace.
        host_address: address on which docker compose publishes the ports.
        kserve_storage_uri: the base path for KServe, which knows more schemes; None: from ``models``.
        drain_seconds: int, from a pod's removal from the Services to its end; clients have moved on by then.
        start_seconds: int, longest time that a server may take to load its models.
    """

    image: Annotated[str, AfterValidator(_pinned)] = "tensorflow/serving:2.19.1"
    name: ObjectName | None = None
    models: Models = Models(claim="models")
    versions: Versions = Versions()
    batching: Batching | None = None
    replicas: ReplicaRange = ReplicaRange()
    resources: Resources = Resources()
    user: int = Field(default=65532, gt=0)
    service_account: str | None = None
    prometheus_namespace: str | None = None
    host_address: Literal["127.0.0.1", "0.0.0.0"] = "127.0.0.1"
    kserve_storage_uri: str | None = None
    drain_seconds: int = Field(default=60, ge=60)
    start_seconds: int = Field(default=300, ge=10)


@dataclass(frozen=True)
class DeployPlan:
    """The input of one set of files.

    Attributes:
        model_name: the model's name in requests.
        serving_folder: local folder that holds ``MODEL_NAME/VERSION/``.
        options: the ``serving.deploy`` section of the config.
    """

    model_name: str
    serving_folder: Path
    options: Deploy

    @property
    def model_object(self) -> str:
        """The model's name in Kubernetes.

        Raises:
            ValueError: the model's name has no such form.
        """
        return object_name(self.model_name.lower().replace("_", "-"))

    @property
    def name(self) -> str:
        """The name of the Kubernetes objects.

        Raises:
            ValueError: no name is set, and the model's name cannot be one.
        """
        return self.options.name or f"{self.model_object}-serving"
