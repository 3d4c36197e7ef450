"""ModelGate's verdict: the blessing that the Pusher asks for, with what is worth knowing."""

from __future__ import annotations

from collections.abc import Sequence

from tfx.components.evaluator import constants
from tfx.types import Artifact
from tfx.utils import io_utils

from components.gates.findings import write_notices
from components.messages import shown
from components.notices import notices as notices_logger

# TFX sets these again for each artifact.
_OF_THE_ARTIFACT = frozenset(
    {"name", "state", "pipeline_name", "producer_component", "tfx_version", "is_external", "display_name"}
)


def bless(verdict: Artifact, *, like: Artifact, notices: Sequence[str]) -> None:
    """Write the blessing of a candidate that passes.

    Args:
        verdict: the artifact.
        like: the Evaluator's verdict, whose properties say which model and bytes it is about.
        notices: what is worth knowing; it is shown on the terminal, in the summary and on the page.
    """
    for name, value in like.mlmd_artifact.custom_properties.items():
        if name not in _OF_THE_ARTIFACT:
            verdict.mlmd_artifact.custom_properties[name].CopyFrom(value)
    verdict.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.BLESSED_VALUE)
    tell(verdict, notices)
    io_utils.write_string_file(f"{verdict.uri}/{constants.BLESSED_FILE_NAME}", "")


def tell(output: Artifact, notices: Sequence[str]) -> None:
    """Show notices on the terminal, and keep them with a gate's output for the summary and the page."""
    for text in notices:
        notices_logger.warning(text)
    write_notices(output.uri, notices)


def overridden(failure: str, reason: str) -> str:
    """The notice of what would have been refused."""
    return f"not refused, since --bless-anyway says {shown(reason, limit=100)}: {failure}"
