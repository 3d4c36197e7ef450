"""What an error says, in one line: Beam and TensorFlow put the cause between pages of context."""

from __future__ import annotations

import re

from components.messages import one_line
from components.refusal import GateRefused
from trainer.refusal import TrainingRefused

# With the node's name before it, a message has at most 300 characters.
_LIMIT = 275
# What an operation says, between where it was defined and its place in the graph.
_OPERATION = re.compile(
    r"Graph execution error:.*?Detected at node [^\n]*\n(?:<stack traces unavailable>\n|[ \t]+[^\n]*\n|\n)*"
    r"(?P<reason>\S.+?)\s*\[\[\{\{node (?P<node>[^}]*)\}\}",
    re.DOTALL,
)
# TensorFlow Transform's words, which come before the batch and all tensors.
_BATCH = "An error occurred while trying to apply the transformation"


def reason_of(error: Exception) -> str:
    """The reason that a node's failure is recorded and shown with."""
    if isinstance(error, GateRefused):
        return error.reason
    text = str(error)
    if isinstance(error, TrainingRefused):
        return one_line(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no message"]
    short = lines[0] if len(lines) < 2 else f"{lines[0][:120]} … {lines[-1]}"
    if operation := _OPERATION.search(text):
        short = f"{' '.join(operation['reason'].split())} (in the operation {operation['node']})"
        if _BATCH in text:
            short = f"preprocessing_fn fails for a batch of rows: {short}"
    return one_line(f"{type(error).__name__}: {short}", limit=_LIMIT).rstrip()
