"""Champion: the node that yields the last pushed model on platforms that run no resolver."""

from pathlib import Path

from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.annotations import OutputArtifact, Parameter
from components.push.champion_store import clear, restore

# Property of the output artifact: the version of the copy.
VERSION_PROPERTY = "champion_version"


@component
def Champion(  # noqa: N802 (TFX names components as classes)
    model: OutputArtifact[standard_artifacts.Model],
    folder: Parameter[str],
    enabled: Parameter[int],
) -> None:
    """Yield the last pushed model.

    It is never the candidate of this run: only the Pusher writes the folder, and it runs after every node that needs a
    baseline.

    Args:
        model: the copy, marked with its version; without files if there is no champion.
        folder: path or ``gs://bucket/folder`` that the Pusher writes to.
        enabled: 0 for no champion, regardless of earlier pushes.
    """
    if not enabled:
        clear(Path(model.uri))
        return
    version = restore(folder=folder, destination=Path(model.uri))
    if version is not None:
        model.set_string_custom_property(VERSION_PROPERTY, str(version))
