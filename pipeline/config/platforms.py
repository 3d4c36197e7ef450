"""Where the pipeline runs when it is not this machine: Vertex AI Pipelines, or Kubeflow Pipelines on a cluster.

The options of ``python -m kubeflow``, under the key ``platform`` of a profile. Strict and frozen, and known without
TFX: a wrong option is found before anything is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from components.vertex.endpoint.options import Accelerator, Endpoint
from pipeline.config.platform_fields import Host, Memory, Mount, NodeProperty, ObjectStore, SharedFolder
from trainer.parameters import Strict


class Task(Strict):
    """What a node gets; a key that is left out is that of ``default``.

    Attributes:
        cpu: the limit, in cores.
        memory: the limit, such as ``16G``.
        accelerator: GPUs; the node then runs in ``gpu_image``.
        retries: how often a failed container is started again.
        retry_seconds: the wait before the first of them; it doubles with each.
        cache: whether an equal earlier run of the node is taken; None is the pipeline's ``cache``. Gates, Baseline and
            Pusher look at the world as it is now and are never taken from an earlier run.
    """

    cpu: float | None = Field(default=None, gt=0)
    memory: Memory | None = None
    accelerator: Accelerator | None = None
    retries: int | None = Field(default=None, ge=0, le=10)
    retry_seconds: PositiveInt | None = None
    cache: bool | None = None

    def over(self, default: Task) -> Task:
        """This one's keys laid over those of ``default``."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return default.model_copy(update={name: value for name, value in given.items() if value is not None})


class ExitHandler(Strict):
    """What happens when a run has ended, well or not.

    Attributes:
        folder: gets ``RUN.json``: name, state, error and times of the run.
        webhook_env: Kubeflow alone: an environment variable, from one of ``platform.secrets``, with a URL that gets the
            same JSON by POST.
    """

    folder: SharedFolder
    webhook_env: str | None = None


class CustomJob(Strict):
    """The Trainer as a Vertex custom job.

    Attributes:
        machine_type: of every worker.
        accelerator: GPUs of every worker.
        workers: how many train together, the chief among them; more than one trains with ``multi_worker``.
        spot: whether cheaper machines may be taken that can be taken away.
        boot_disk_gb: of every worker.
        timeout_seconds: for the whole training; then it is ended, even if the run that asked for it is gone.
    """

    machine_type: str = "n1-standard-8"
    accelerator: Accelerator | None = None
    workers: PositiveInt = 1
    spot: bool = False
    boot_disk_gb: int = Field(default=100, ge=100)
    timeout_seconds: PositiveInt = 86_400


class TrainingOperator(Strict):
    """The Trainer as a TFJob of the Kubeflow Training Operator.

    Attributes:
        workers: how many train together, the chief among them.
        cpu: of every worker, in cores.
        memory: of every worker.
        accelerator: GPUs of every worker.
        shared_folder: in a volume that many nodes can write (see ``volumes``): the examples and the model pass
            through it. An absolute path below one of their mounts.
        timeout_seconds: for the whole training.
        service_account: of the workers' pods; None is the namespace's default. The Role that lets a pod create TFJobs
            belongs to the account of the run, ``platform.service_account``.
    """

    workers: PositiveInt = 2
    cpu: float = Field(default=4, gt=0)
    memory: Memory = "16G"
    accelerator: Accelerator | None = None
    shared_folder: SharedFolder
    timeout_seconds: PositiveInt = 86_400
    service_account: str | None = None


class Secret(Strict):
    """A Kubernetes secret, as environment variables of every task.

    Attributes:
        name: of the secret.
        env: environment variable by key of the secret.
    """

    name: str
    env: Mapping[str, str] = Field(min_length=1)


class Volume(Strict):
    """An existing PersistentVolumeClaim, mounted into every task.

    Attributes:
        claim: its name.
        mount: an absolute path.
        sub_path: a folder inside the volume.
    """

    claim: str
    mount: Mount
    sub_path: str | None = None


class Toleration(Strict):
    """A taint that the tasks' pods put up with, as Kubernetes names it."""

    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class _Platform(Strict):
    """What both platforms have.

    Attributes:
        image: the container that all nodes run in, by its digest.
        gpu_image: the one of nodes with accelerators; None takes ``image``.
        root: the pipeline root, below which the artifacts lie.
        data: the folder of the examples; None takes ``data.path`` as it was copied into the image.
        serving: the folder that model servers watch; versions are pushed to ``SERVING/MODEL_NAME/VERSION``.
        state: a folder for what outlives a run: which model was pushed last, and the trainer's checkpoints.
        default: what every node gets.
        tasks: what single nodes get, by their ids.
        parameters: runtime parameters, which a submission can set: a name, and the node's property that takes it.
        exit_handler: None means that nothing happens at the end of a run.
        labels: of the run; on Kubeflow, whose runs have none, of every pod.
    """

    image: str
    gpu_image: str | None = None
    root: ObjectStore
    data: SharedFolder | None = None
    serving: SharedFolder
    state: SharedFolder
    default: Task = Task(cpu=2, memory="8G", retries=2, retry_seconds=60)
    tasks: Mapping[str, Task] = {}
    parameters: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], NodeProperty] = {}
    exit_handler: ExitHandler | None = None
    labels: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _parameters_differ(self) -> _Platform:
        setters: dict[str, str] = {}
        for name, target in self.parameters.items():
            if target in setters:
                raise ValueError(f"parameters: {setters[target]} and {name} set the same property, {target}")
            setters[target] = name
        return self

    def task(self, node: str) -> Task:
        """What ``node`` gets."""
        return self.tasks.get(node, Task()).over(self.default)


class Vertex(_Platform):
    """Vertex AI Pipelines.

    Attributes:
        project: the project's id.
        region: such as ``europe-west4``.
        service_account: the account that the tasks run as.
        network: the full name of a peered network.
        encryption_key: the full name of a customer-managed key.
        training: None trains in the Trainer's own task.
        endpoint: where the pushed model is deployed, too; None means the bucket alone.
    """

    kind: Literal["vertex"]
    project: str
    region: str
    service_account: str | None = None
    network: str | None = None
    encryption_key: str | None = None
    training: CustomJob | None = None
    endpoint: Endpoint | None = None

    @model_validator(mode="after")
    def _no_webhook(self) -> Vertex:
        if self.exit_handler and self.exit_handler.webhook_env:
            raise ValueError(
                "exit_handler.webhook_env: a task on Vertex gets no environment variables from secrets; leave it out, "
                "and read the files in exit_handler.folder, for example by a Pub/Sub notification of the bucket"
            )
        return self

    @model_validator(mode="after")
    def _endpoint_can_read(self) -> Vertex:
        if self.endpoint and not self.serving.startswith("gs://"):
            raise ValueError(f"serving: {self.serving!r} must be a gs:// folder, since an endpoint reads it from there")
        return self


class Kubeflow(_Platform):
    """Kubeflow Pipelines 2 on a cluster.

    Attributes:
        host: the URL of the API.
        namespace: the profile's namespace; None on a single-user installation.
        experiment: the runs' experiment.
        service_account: the account that the tasks run as.
        secrets: environment variables of every task.
        volumes: mounted into every task.
        node_selector: labels of the nodes that may be taken.
        tolerations: taints that the pods put up with.
        image_pull_secrets: names of secrets for a private registry.
        training: None trains in the Trainer's own task.
    """

    kind: Literal["kubeflow"]
    host: Host
    namespace: str | None = None
    experiment: str = "Default"
    service_account: str | None = None
    secrets: tuple[Secret, ...] = ()
    volumes: tuple[Volume, ...] = ()
    node_selector: Mapping[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    training: TrainingOperator | None = None

    @model_validator(mode="after")
    def _mounts_differ(self) -> Kubeflow:
        mounts = [volume.mount for volume in self.volumes]
        if len(set(mounts)) < len(mounts):
            raise ValueError("volumes: two have the same mount")
        return self

    @model_validator(mode="after")
    def _workers_share_a_volume(self) -> Kubeflow:
        if self.training is not None:
            folder = PurePosixPath(self.training.shared_folder)
            if not any(folder.is_relative_to(volume.mount) for volume in self.volumes):
                raise ValueError(f"training.shared_folder: {folder} lies below no mount of volumes")
        return self


Platform = Annotated[Vertex | Kubeflow, Field(discriminator="kind")]
