"""The types of keys that several sections share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

# tfx/orchestration/pipeline.py, _MAX_PIPELINE_NAME_LENGTH; also the longest value of a label in Kubernetes.
_LONGEST_PIPELINE_NAME = 63


def _identifier(name: str) -> str:
    if not name.replace("-", "_").isidentifier():
        raise ValueError(f"{name!r} may contain only letters, digits, '-' and '_', and may not start with a digit")
    return name


def _short(name: str) -> str:
    if len(name) > _LONGEST_PIPELINE_NAME:
        raise ValueError(
            f"{name!r} has {len(name)} characters, and TFX takes at most {_LONGEST_PIPELINE_NAME}; shorten it"
        )
    return name


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError(f"{text!r} is empty; write a value, or leave the key out if it has a default")
    return text


Name = Annotated[str, AfterValidator(_identifier)]
PipelineName = Annotated[Name, AfterValidator(_short)]
# A text that something goes by.
Text = Annotated[str, AfterValidator(_not_blank)]
