"""What every platform has: images, places, and what each task gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, PositiveInt, model_validator

from components.accelerator import Accelerator
from pipeline.config.fields import Text
from pipeline.config.platform.fields import Memory, NodeProperty, ObjectStore, SharedPath
from trainer.parameters import Strict


class TaskOptions(Strict):
    """Resources and retries of a node; a missing key has the value of ``default``.

    Attributes:
        cpu: the limit, in cores.
        memory: the limit, such as ``16G``.
        accelerator: GPUs; the node then runs in ``gpu_image``.
        retries: how often a failed container is restarted.
        retry_seconds: seconds before the first retry; the wait doubles with each.
        cache: whether an equal earlier run of the node is reused; None is the pipeline's ``cache``. Gates, Baseline and
            Pusher always run.
    """

    cpu: float | None = Field(default=None, gt=0)
    memory: Memory | None = None
    accelerator: Accelerator | None = None
    retries: int | None = Field(default=None, ge=0, le=10)
    retry_seconds: PositiveInt | None = None
    cache: bool | None = None

    def over(self, default: TaskOptions) -> TaskOptions:
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

    folder: SharedPath
    webhook_env: Text | None = None


class Platform(Strict):
    """What both platforms have.

    Attributes:
        image: the container that all nodes run in, by its digest.
        gpu_image: the one of nodes with accelerators; None takes ``image``.
        root: the pipeline root, below which the artifacts lie.
        data: the folder of the examples; None takes ``data.path`` as it was copied into the image.
        serving: the folder that model servers watch; versions are pushed to ``SERVING/MODEL_NAME/VERSION``.
        state: a folder for what outlives a run: the champion model and the trainer's checkpoints.
        default: what every node gets.
        tasks: what single nodes get, by their ids.
        parameters: runtime parameters, which a submission can set: a name, and the node's property that takes it.
        exit_handler: None means that nothing happens at the end of a run.
        labels: labels of the run; on Kubeflow, whose runs have none, labels of every pod.
    """

    image: Text
    gpu_image: Text | None = None
    root: ObjectStore
    data: SharedPath | None = None
    serving: SharedPath
    state: SharedPath
    default: TaskOptions = TaskOptions(cpu=2, memory="8G", retries=2, retry_seconds=60)
    tasks: Mapping[str, TaskOptions] = {}
    parameters: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], NodeProperty] = {}
    exit_handler: ExitHandler | None = None
    labels: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _parameters_differ(self) -> Platform:
        setters: dict[str, str] = {}
        for name, target in self.parameters.items():
            if target in setters:
                raise ValueError(f"parameters: {setters[target]} and {name} set the same property, {target}")
            setters[target] = name
        return self

    def task(self, node: str) -> TaskOptions:
        """What ``node`` gets."""
        return self.tasks.get(node, TaskOptions()).over(self.default)
