"""What TFX's compiler refuses, with what to write instead: its own messages name neither the reason nor a way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.config.loading import ConfigError

# By what TFX's message holds.
_INSTEAD = {
    "Only single Channel is supported": "Give each producer an input of its own, as components/lite/pusher.py has.",
    "artifact_value_op": "A Cond may look at properties of artifacts, not at their values; set a property.",
    "is an unsupported component output type": "Only int, str and bool outputs can be properties; return a text.",
    "must run under ParameterContext": "An exit handler takes no runtime parameters; give it a value.",
    "Unexpected resolver policy": "No resolver runs on both platforms; take pipeline/nodes/champion.py.",
    "InfraValidator": "The standard InfraValidator needs docker; take components/gates/infra_validator.py.",
    "Invalid custom artifact type name": "Name the artifact type NAMESPACE.Title, such as mine.Report.",
    "Invalid placeholder for exec prop": "A property takes channel.future()[0].value and nothing made of it.",
}


@contextmanager
def explained() -> Iterator[None]:
    """Compile inside.

    Raises:
        ConfigError: TFX refused the pipeline for a reason that is known here; other errors stay what they are.
    """
    try:
        yield
    except (TypeError, ValueError, NotImplementedError, RuntimeError) as error:
        message = " ".join(str(error).split())
        for part, instead in _INSTEAD.items():
            if part in message:
                raise ConfigError(f"the pipeline cannot be compiled: {message[:300]}\n{instead}") from error
        raise
