"""Champion: the node that yields the model that was pushed last, where no resolver runs."""

from pathlib import Path

from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.annotations import OutputArtifact, Parameter
from components.push.champion_store import clear, restore

# Of the output artifact: which version the copy is.
VERSION_PROPERTY = "champion_version"


@component
def Champion(  # noqa: N802 (TFX names components as classes)
    model: OutputArtifact[standard_artifacts.Model],
    folder: Parameter[str],
    enabled: Parameter[int],
) -> None:
    """Yield the model that was pushed last.

    It is never the candidate of this run: nothing but the Pusher writes the folder, and it runs after everything that
    asks for a baseline.

    Args:
        model: the copy, marked with its version; without files where there is no champion.
        folder: a path or ``gs://bucket/folder``, which the Pusher writes.
        enabled: 0 means that there is no champion, whatever was pushed.
    """
    if not enabled:
        clear(Path(model.uri))
        return
    version = restore(folder=folder, destination=Path(model.uri))
    if version is not None:
        model.set_string_custom_property(VERSION_PROPERTY, str(version))
