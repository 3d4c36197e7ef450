"""The annotations of our function components: TFX's objects at run time, ordinary types for a type checker.

TFX reads ``InputArtifact[X]`` from a function's annotations to learn its inputs, outputs and parameters. A type checker
needs the type of what arrives in the function's body: an artifact of type X, a str.
"""

from typing import TYPE_CHECKING, Annotated, TypeVar

from tfx.dsl.component.experimental import annotations

if TYPE_CHECKING:
    T = TypeVar("T")
    InputArtifact = Annotated[T, "an input"]
    OptionalInputArtifact = Annotated[T | None, "an input that may be absent; its default is None"]
    OutputArtifact = Annotated[T, "an output"]
    Parameter = Annotated[T, "an execution parameter"]
else:
    InputArtifact = annotations.InputArtifact
    OptionalInputArtifact = annotations.InputArtifact
    OutputArtifact = annotations.OutputArtifact
    Parameter = annotations.Parameter
