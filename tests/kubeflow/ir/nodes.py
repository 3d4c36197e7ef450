"""Small components for pipelines that TFX compiles wrong. A module of its own: TFX reads the annotations as objects."""

from typing import TypedDict

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration.kubeflow.decorators import exit_handler
from tfx.types import artifact, standard_artifacts

Numbers = TypedDict("Numbers", {"count": int, "text": str, "ratio": float})  # noqa: UP013 (TFX evaluates the class form as text)


class Report(artifact.Artifact):
    """A type whose name the platforms do not take."""

    TYPE_NAME = "report"


@component
def Tell(report: OutputArtifact[Report]):  # noqa: N802
    """An output of that type."""


@component
def Make(model: OutputArtifact[standard_artifacts.Model], rate: Parameter[float] = 0.1) -> Numbers:  # noqa: N802
    """A model, and values that other nodes take as properties."""


@component
def Use(model: InputArtifact[standard_artifacts.Model], count: Parameter[int] = 3):  # noqa: N802
    """An input that may also stand in a condition."""


@component
def Say(text: Parameter[str]):  # noqa: N802
    """No input at all."""


@exit_handler
def End(final_status: Parameter[str], folder: Parameter[str]):  # noqa: N802
    """What an exit handler has."""
