"""The standard InfraBlessing artifact: its properties and files, as TFX's own InfraValidator writes them."""

from __future__ import annotations

from pathlib import Path

from tfx.types import Artifact

_BLESSED_PROPERTY = "blessed"
_REASON_PROPERTY = "reason"
_MODEL_ID_PROPERTY = "current_model_id"
_FILES = {True: "INFRA_BLESSED", False: "INFRA_NOT_BLESSED"}


def write(artifact: Artifact, *, model_id: int, reason: str | None) -> None:
    """Record the verdict in the artifact's properties and folder.

    Args:
        artifact: the InfraBlessing to write.
        model_id: id of the judged Model artifact.
        reason: one line that says why the model is not blessed; None blesses it.
    """
    blessed = reason is None
    artifact.set_int_custom_property(_BLESSED_PROPERTY, int(blessed))
    artifact.set_int_custom_property(_MODEL_ID_PROPERTY, model_id)
    artifact.set_string_custom_property(_REASON_PROPERTY, reason or "")
    Path(artifact.uri).mkdir(parents=True, exist_ok=True)
    (Path(artifact.uri) / _FILES[blessed]).write_text(reason or "")


def is_blessed(artifact: Artifact) -> bool:
    """Whether the model passed."""
    return artifact.get_int_custom_property(_BLESSED_PROPERTY) == 1


def reason(artifact: Artifact) -> str:
    """Why the model did not pass; empty if it did."""
    return artifact.get_string_custom_property(_REASON_PROPERTY)
