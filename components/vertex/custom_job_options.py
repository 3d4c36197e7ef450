"""Options of a custom job of Vertex AI, in a module without Vertex AI's client, which takes seconds to import."""

from __future__ import annotations

from pydantic import PositiveInt

from trainer.options import Strict


class CustomJobOptions(Strict):
    """Options of a custom job, from the profile (``platform.training``, and the settings of all tasks).

    Attributes:
        project: id of the project.
        region: region of the job.
        image: container image of each worker, by its digest.
        machine_type: machine of each worker.
        accelerator_type: accelerator of each worker; None for none.
        accelerator_count: accelerators per worker.
        workers: number of workers, including the chief.
        spot: whether to use cheaper machines that can be preempted.
        boot_disk_gb: boot disk of each worker, in GB; Vertex chooses the type of disk for the machine.
        timeout_seconds: limit of the whole training, after which Vertex cancels it.
        service_account: account of the workers; None for that of Vertex AI's custom code.
        network: full name of a peered network.
        encryption_key: full name of a customer-managed key.
        labels: labels of the job.
    """

    project: str
    region: str
    image: str
    machine_type: str
    accelerator_type: str | None = None
    accelerator_count: int = 0
    workers: int = 1
    spot: bool = False
    boot_disk_gb: int = 100
    timeout_seconds: PositiveInt = 86_400
    service_account: str | None = None
    network: str | None = None
    encryption_key: str | None = None
    labels: dict[str, str] = {}
