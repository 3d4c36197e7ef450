"""The labels of a model: where they point after a command, and which versions they need."""

from __future__ import annotations

from typing import Any

from serving.versions import models_config
from serving.versions.models_config import ModelsConfigError

STABLE, PREVIOUS, CANARY = "stable", "previous", "canary"


def promoted(labels: dict[str, int], version: int | None) -> dict[str, int]:
    """The labels after a promotion.

    Args:
        labels: the current labels.
        version: int, the version to make stable; None: the one that ``canary`` points to.

    Raises:
        ModelsConfigError: there is no canary to promote.
    """
    if version is None and CANARY not in labels:
        raise ModelsConfigError("there is no label canary to promote; `promote VERSION` names a version")
    chosen = labels[CANARY] if version is None else version
    after = dict(labels, stable=chosen)
    if labels.get(STABLE, chosen) != chosen:
        after[PREVIOUS] = labels[STABLE]
    if labels.get(CANARY) == chosen:
        del after[CANARY]
    return after


def rolled_back(labels: dict[str, int]) -> dict[str, int]:
    """The labels after a rollback; the version that was stable loses its label and is unloaded.

    Raises:
        ModelsConfigError: there is no previous version.
    """
    if PREVIOUS not in labels:
        raise ModelsConfigError("there is no label previous to roll back to; `promote VERSION` names a version")
    after = dict(labels, stable=labels[PREVIOUS])
    del after[PREVIOUS]
    return after


def labelled(labels: dict[str, int], name: str, version: int | None) -> dict[str, int]:
    """The labels after one is added, moved or (``version`` None) removed.

    Raises:
        ModelsConfigError: the label to remove does not exist, or only promote and rollback set it.
    """
    if name == STABLE or (name == PREVIOUS and version is not None):
        raise ModelsConfigError(f"only promote and rollback set the label {name}")
    if version is not None:
        return dict(labels, **{name: version})
    if name not in labels:
        raise ModelsConfigError(f"there is no label {name}; there are {', '.join(sorted(labels)) or 'none'}")
    return {label: number for label, number in labels.items() if label != name}


def versions_after(config: Any, model: str, labels: dict[str, int]) -> set[int] | None:
    """The versions to load: those with a label, and those that the policy lists without one.

    None keeps the policy: ``all`` loads every version anyway. ``latest`` becomes ``specific``, since it would unload
    the stable version once a newer one is pushed; versions that it serves without a label have to be listed first.
    """
    policy = models_config.entry(config, model).model_version_policy
    if policy.WhichOneof("policy_choice") == "all":
        return None
    listed = models_config.specific_versions(config, model) or set()
    return (listed - set(models_config.labels(config, model).values())) | set(labels.values())
