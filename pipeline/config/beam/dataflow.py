"""Google Cloud Dataflow."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.beam.engine import Engine


def _bucket_folder(text: str) -> str:
    if not re.fullmatch(r"gs://[^/\s]+/\S+", text):
        raise ValueError(f"must be a folder in a bucket, gs://BUCKET/FOLDER, not {text!r}")
    return text


GcsFolder = Annotated[str, AfterValidator(_bucket_folder)]


class Dataflow(Engine):
    """Jobs on Dataflow.

    Attributes:
        project: project ID that is billed.
        region: region of the workers.
        temp_location: folder in a bucket for temporary files; code is staged below it.
        worker_image: image with the project and the lock installed; None lets the workers install ``setup.py``.
        service_account: account of the workers; None means the project's default.
        machine_type: of a worker.
        disk_gb: disk of a worker, in GB.
        max_workers: upper limit of the autoscaling.
        autoscaling: ``throughput`` adds and removes workers, ``none`` keeps ``workers``.
        workers: number of workers at the start.
        subnetwork: in Dataflow's form, ``regions/REGION/subnetworks/NAME``.
        public_ips: whether workers have public addresses; without them the subnetwork needs Private Google Access.
    """

    not_here: ClassVar[str | None] = (
        "DataflowRunner's workers cannot read this machine's folders; give the profile a platform with a gs:// root, "
        "and send it there with `python -m kubeflow submit` (docs/dataflow.md)"
    )

    runner: Literal["DataflowRunner"]
    project: str = Field(min_length=1)
    region: str = Field(min_length=1)
    temp_location: GcsFolder
    worker_image: str | None = None
    service_account: str | None = None
    machine_type: str = "n1-standard-4"
    disk_gb: int = Field(default=50, ge=30)
    max_workers: int = Field(default=10, gt=0)
    autoscaling: Literal["throughput", "none"] = "throughput"
    workers: int = Field(default=1, gt=0)
    subnetwork: str | None = None
    public_ips: bool = True

    @model_validator(mode="after")
    def _starts_within_its_limit(self) -> Dataflow:
        if self.autoscaling == "throughput" and self.workers > self.max_workers:
            raise ValueError(f"workers: {self.workers} is above max_workers, {self.max_workers}")
        return self

    @property
    def image_key(self) -> tuple[str, str | None]:
        """See `Engine`."""
        return "beam.worker_image", self.worker_image

    def arguments(self) -> list[str]:
        """See `Engine`."""
        arguments = [
            "--runner=DataflowRunner",
            f"--project={self.project}",
            f"--region={self.region}",
            f"--temp_location={self.temp_location}",
            f"--staging_location={self.temp_location.rstrip('/')}/staging",
            f"--worker_machine_type={self.machine_type}",
            f"--disk_size_gb={self.disk_gb}",
            f"--num_workers={self.workers}",
            *self._autoscaling(),
            "--experiments=use_runner_v2",
        ]
        if self.worker_image:
            arguments += [f"--sdk_container_image={self.worker_image}", "--sdk_location=container"]
        else:
            arguments.append("--setup_file=./setup.py")
        if self.service_account:
            arguments.append(f"--service_account_email={self.service_account}")
        if self.subnetwork:
            arguments.append(f"--subnetwork={self.subnetwork}")
        if not self.public_ips:
            arguments.append("--no_use_public_ips")
        return arguments

    def _autoscaling(self) -> list[str]:
        if self.autoscaling == "none":
            return ["--autoscaling_algorithm=NONE"]
        return ["--autoscaling_algorithm=THROUGHPUT_BASED", f"--max_num_workers={self.max_workers}"]
