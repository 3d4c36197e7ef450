"""Kubeflow Pipelines 2 on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from pipeline.config.fields import Text
from pipeline.config.platform.fields import Host
from pipeline.config.platform.training_operator import WithTrainingOperator  # part: training_operator
from pipeline.config.platform.volumes import WithVolumes
from trainer.parameters import Strict


class Secret(Strict):
    """A Kubernetes secret, as environment variables of every task.

    Attributes:
        name: name of the secret.
        env: environment variable by key of the secret.
    """

    name: Text
    env: Mapping[Text, Text] = Field(min_length=1)


class Toleration(Strict):
    """A taint that the tasks' pods tolerate, with the fields of Kubernetes."""

    key: Text
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class Kubeflow(
    WithTrainingOperator,  # part: training_operator
    WithVolumes,
):
    """Kubeflow Pipelines 2 on a cluster.

    Attributes:
        host: the URL of the API.
        namespace: the profile's namespace; None on a single-user installation.
        experiment: the runs' experiment.
        service_account: the account that the tasks run as.
        secrets: environment variables of every task.
        node_selector: labels of the cluster nodes that may run tasks.
        tolerations: taints that the pods tolerate.
        image_pull_secrets: names of secrets for a private registry.
    """

    kind: Literal["kubeflow"]
    host: Host
    namespace: Text | None = None
    experiment: Text = "Default"
    service_account: Text | None = None
    secrets: tuple[Secret, ...] = ()
    node_selector: Mapping[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()
    image_pull_secrets: tuple[Text, ...] = ()
