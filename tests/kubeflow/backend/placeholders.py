"""What a backend puts for ``{{$...}}`` in a command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}")
_PARAMETER = re.compile(r"\.inputs\.parameters\['(?P<key>[^']+)'\]")
_ARTIFACT = re.compile(r"\.(?P<side>inputs|outputs)\.artifacts\['(?P<key>[^']+)'\]\.(?P<what>uri|path)")


def fill_job(text: str, *, job: Mapping[str, str]) -> str:
    """``text``, a constant parameter, with what a backend knows of the run in place of ``{{$.pipeline_job_...}}``."""
    for key, value in job.items():
        text = text.replace(f"{{{{$.{key}}}}}", value)
    return text


def fill(text: str, executor_input: dict[str, Any], *, local: Callable[[str], str]) -> str:
    """``text`` with every placeholder filled.

    Args:
        text: one word of the command line.
        executor_input: the invocation.
        local: the path at which the container sees a URI.

    Raises:
        ValueError: a placeholder that no backend knows.
    """

    def value(match: re.Match) -> str:
        inner = match[1]
        if inner == "":
            return json.dumps(executor_input)
        if inner == ".json_escape[1]":
            return json.dumps(json.dumps(executor_input))[1:-1]
        if inner == ".outputs.output_file":
            return executor_input["outputs"]["outputFile"]
        if found := _PARAMETER.fullmatch(inner):
            given = executor_input["inputs"]["parameterValues"][found["key"]]
            return given if isinstance(given, str) else json.dumps(given)
        if found := _ARTIFACT.fullmatch(inner):
            uri = executor_input[found["side"]]["artifacts"][found["key"]]["artifacts"][0]["uri"]
            return uri if found["what"] == "uri" else local(uri)
        raise ValueError(f"{match[0]}: no backend fills this")

    return _PLACEHOLDER.sub(value, text)
