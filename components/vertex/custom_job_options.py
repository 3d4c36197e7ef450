"""What a custom job of Vertex AI is made of. Apart from the job, since Vertex AI's client takes seconds to import."""

from __future__ import annotations

from pydantic import PositiveInt

from trainer.options import Strict


class JobOptions(Strict):
    """What a custom job is made of; the pipeline's profile says it (``platform.training``, and what all tasks share).

    Attributes:
        project: the project's id.
        region: where it runs.
        image: the container of every worker, by its digest.
        machine_type: of every worker.
        accelerator_type: of every worker; None means none.
        accelerator_count: for each worker.
        workers: how many there are, the chief among them.
        spot: whether machines are taken that can be taken away.
        boot_disk_gb: of every worker; Vertex takes the kind of disk that the machine wants.
        timeout_seconds: for the whole training; then Vertex cancels it, whether anybody waits for it or not.
        service_account: None means the one of Vertex AI's custom code.
        network: the full name of a peered network.
        encryption_key: the full name of a customer-managed key.
        labels: of the job.
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
