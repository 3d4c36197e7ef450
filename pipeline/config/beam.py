"""Where the Beam components run: in this process, or on an engine that exists already."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from trainer.parameters import Strict

# Runners that lose data without a word, with what was seen; by the last part of their dotted path, in lower case.
LOSING = {
    "daskrunner": "it loses data silently (whole splits were missing)",
    "rayrunner": "it loses data silently (whole bundles were missing)",
    "rayfnapirunner": "it loses data silently (whole bundles were missing)",
    "raybeamrunner": "it loses data silently (whole bundles were missing)",
    "pysparkrunner": "it loses data silently; SparkRunner is Beam's own",
    "beampysparkrunner": "it loses data silently; SparkRunner is Beam's own",
}
# Why a runner is no choice.
REFUSED = LOSING | {
    "directrunner": "it may try to download another runner; FnApiRunner is what it would use here",
    "switchingdirectrunner": "it may try to download another runner; FnApiRunner is what it would use here",
    "bundlebaseddirectrunner": "it is the slowest and keeps all data in memory; use FnApiRunner",
    "prismrunner": "it downloads its program from a code host at every new version",
    "interactiverunner": "it is for notebooks",
}


def _host_and_port(text: str) -> str:
    found = re.fullmatch(r"([^\s:/\[\]]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})", text)
    if not found or not 0 < int(found[2]) < 65536:
        raise ValueError(f"must be HOST:PORT, such as localhost:8099, not {text!r}")
    return text


def _bucket_folder(text: str) -> str:
    if not re.fullmatch(r"gs://[^/\s]+/\S+", text):
        raise ValueError(f"must be a folder in a bucket, gs://BUCKET/FOLDER, not {text!r}")
    return text


HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
BucketFolder = Annotated[str, AfterValidator(_bucket_folder)]


class InProcess(Strict):
    """Beam in this process, or in processes of this machine.

    Attributes:
        mode: ``in_memory`` is fastest up to about a million rows, ``multi_processing`` beyond.
        workers: parallel workers; 0 means one per core.
        limit_minutes: a component's Beam job that has not ended by then is an error.
    """

    runner: Literal["FnApiRunner"] = "FnApiRunner"
    mode: Literal["in_memory", "multi_threading", "multi_processing"] = "in_memory"
    workers: int = Field(default=1, ge=0)
    limit_minutes: float = Field(default=240, gt=0)


class Portable(Strict):
    """An engine behind one of Beam's job servers: Flink, Spark, or any other that speaks Beam's Job API.

    Attributes:
        job_endpoint: where the job server listens.
        worker_pool: where each of the engine's workers finds its Beam worker pool, as that worker names it.
        parallelism: tasks side by side; None leaves it to the engine, and Spark always decides itself.
        probe: whether a small job is run first, which shows that a worker starts, can import the code, and sees the
            run folder.
        probe_seconds: how long that job may take.
        limit_minutes: a component's Beam job that has not ended by then is cancelled.
    """

    runner: Literal["FlinkRunner", "SparkRunner", "PortableRunner"]
    job_endpoint: HostAndPort
    worker_pool: HostAndPort = "localhost:50000"
    parallelism: int | None = Field(default=None, gt=0)
    probe: bool = True
    probe_seconds: float = Field(default=60, gt=0)
    limit_minutes: float = Field(default=240, gt=0)

    @model_validator(mode="after")
    def _parallelism_has_an_effect(self) -> Portable:
        if self.runner == "SparkRunner" and self.parallelism is not None:
            raise ValueError("parallelism: has no effect on Spark, which takes it from its own settings; leave it out")
        return self


class Dataflow(Strict):
    """Google Cloud Dataflow.

    Attributes:
        project: whose quota and bill.
        region: where the workers are.
        temp_location: a folder in a bucket, for what the job keeps while it runs; code is staged below it.
        worker_image: an image with the project and the lock installed; None lets the workers install ``setup.py``.
        service_account: whom the workers act as; None means the project's default.
        machine_type: of a worker.
        disk_gb: of a worker.
        max_workers: the autoscaling's upper limit.
        autoscaling: ``throughput`` adds and removes workers, ``none`` keeps ``workers``.
        workers: to begin with.
        subnetwork: as Dataflow wants it, ``regions/REGION/subnetworks/NAME``.
        public_ips: whether workers have any; without, the subnetwork needs Private Google Access.
        limit_minutes: a component's Beam job that has not ended by then is cancelled.
    """

    runner: Literal["DataflowRunner"]
    project: str = Field(min_length=1)
    region: str = Field(min_length=1)
    temp_location: BucketFolder
    worker_image: str | None = None
    service_account: str | None = None
    machine_type: str = "n1-standard-4"
    disk_gb: int = Field(default=50, ge=30)
    max_workers: int = Field(default=10, gt=0)
    autoscaling: Literal["throughput", "none"] = "throughput"
    workers: int = Field(default=1, gt=0)
    subnetwork: str | None = None
    public_ips: bool = True
    limit_minutes: float = Field(default=240, gt=0)

    @model_validator(mode="after")
    def _begins_within_its_limit(self) -> Dataflow:
        if self.autoscaling == "throughput" and self.workers > self.max_workers:
            raise ValueError(f"workers: {self.workers} to begin with are more than max_workers, {self.max_workers}")
        return self


DEFAULT_RUNNER = "FnApiRunner"
_MODELS = {
    "FnApiRunner": InProcess,
    "FlinkRunner": Portable,
    "SparkRunner": Portable,
    "PortableRunner": Portable,
    "DataflowRunner": Dataflow,
}


def _tag(given: Any) -> str | None:
    runner = given.get("runner", DEFAULT_RUNNER) if isinstance(given, dict) else getattr(given, "runner", None)
    model = _MODELS.get(runner)
    return model.__name__ if model else None


# Each tag is the name of its class: `pipeline.config.loading` finds the keys of the chosen one by it.
Beam = Annotated[
    Annotated[InProcess, Tag("InProcess")]
    | Annotated[Portable, Tag("Portable")]
    | Annotated[Dataflow, Tag("Dataflow")],
    Discriminator(_tag),
]


def problem(given: Any) -> str | None:
    """Why ``given`` names no runner that there is, as ``key: reason``; None where it does.

    Args:
        given: what a file holds under ``beam``.
    """
    if not isinstance(given, dict):
        return None if _tag(given) else f"beam: must hold keys, such as {{runner: {DEFAULT_RUNNER}}}, not {given!r}"
    runner = given.get("runner", DEFAULT_RUNNER)
    if isinstance(runner, str) and runner in _MODELS:
        return None
    there_are = f"there are {', '.join(_MODELS)}"
    reason = refusal(str(runner), REFUSED)
    if reason:
        return f"beam.runner: {runner} is refused: {reason}; {there_are}"
    meant = next((name for name in _MODELS if _plain(name) == _plain(str(runner))), None)
    if meant:
        return f"beam.runner: {runner!r} is written {meant} here"
    return f"beam.runner: {runner!r} is none that this pipeline was tried on; {there_are}"


def refusal(runner: str, reasons: dict[str, str]) -> str | None:
    """Why ``runner`` is no choice, however it is written; None where ``reasons`` do not hold it."""
    return reasons.get(_plain(runner))


def _plain(runner: str) -> str:
    """``daskrunner`` for ``apache_beam.runners.dask.dask_runner.DaskRunner``, ``dask`` and ``Dask-Runner`` alike."""
    name = re.sub("[-_ ]", "", runner.rpartition(".")[2].lower())
    return name if name.endswith("runner") else f"{name}runner"


def another_s_key(key: str, chosen: str) -> str | None:
    """The runner that knows ``key``, where it is one of another model than ``chosen``; None where none does."""
    return next(
        (runner for runner, model in _MODELS.items() if model.__name__ != chosen and key in model.model_fields),
        None,
    )
