"""What an error says, in one line: Beam and TensorFlow put the cause between pages of context."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

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
# TensorFlow's advice for it is about AutoGraph, which the trainer does without.
_PYTHON_CONTROL_FLOW = "OperatorNotAllowedInGraphError"


def reason_of(error: Exception) -> str:
    """The reason that a node's failure is recorded and shown with."""
    if isinstance(error, GateRefused):
        return error.reason
    text = str(error)
    if isinstance(error, TrainingRefused):
        return one_line(text)
    if type(error).__name__ == _PYTHON_CONTROL_FLOW:
        return one_line(
            f"{_own_line(error)}a Python if, while, for or assert depends on a tensor, which has no value yet; use "
            "keras.ops.where, cond or while_loop",
            limit=_LIMIT,
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no message"]
    short = lines[0] if len(lines) < 2 else f"{lines[0][:120]} … {lines[-1]}"
    if operation := _OPERATION.search(text):
        short = f"{' '.join(operation['reason'].split())} (in the operation {operation['node']})"
        if _BATCH in text:
            short = f"preprocessing_fn fails for a batch of rows: {short}"
    return one_line(f"{type(error).__name__}: {short}", limit=_LIMIT).rstrip()


def _own_line(error: Exception) -> str:
    """Where the error came from in code that is not installed, to go before what it says; empty if nowhere."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((each for each in reversed(frames) if "site-packages" not in Path(each.filename).parts), None)
    return f"{Path(own.filename).name}, line {own.lineno}: " if own else ""
