"""What TFX's compiler refuses, and what to write instead: its own messages name neither reason nor remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.config.loading import ConfigError

# By a part of TFX's message.
_INSTEAD = {
    "Only single Channel is supported": "Give each producer its own input.",
    "artifact_value_op": "A Cond may read properties of artifacts, but not their values; set a property.",
    "is an unsupported component output type": "Only int, str and bool outputs can be properties; return a text.",
    "must run under ParameterContext": "An exit handler takes no runtime parameters; use a constant.",
    "Unexpected resolver policy": "No resolver runs on both platforms; use pipeline/nodes/champion.py.",
    "InfraValidator": "The standard InfraValidator needs docker; use components/gates/infra_validator.py.",
    "Invalid custom artifact type name": "Name the artifact type NAMESPACE.Title, such as mine.Report.",
    "Invalid placeholder for exec prop": "A property takes channel.future()[0].value, but no expression of it.",
}


@contextmanager
def explained() -> Iterator[None]:
    """A context for compiling.

    Raises:
        ConfigError: TFX refused the pipeline for a reason that is known here; other errors pass unchanged.
    """
    try:
        yield
    except (TypeError, ValueError, NotImplementedError, RuntimeError) as error:
        message = " ".join(str(error).split())
        for part, instead in _INSTEAD.items():
            if part in message:
                raise ConfigError(f"the pipeline cannot be compiled: {message[:300]}\n{instead}") from error
        raise
