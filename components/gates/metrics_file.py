"""The Evaluator's metrics as JSON beside TFMA's files, so that commands read them without importing TFMA."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

FILE = "metrics.json"
CANDIDATE, BASELINE = "candidate", "baseline"

# The metrics of each slice, by name; those of all examples are at "".
Table = Mapping[str, Mapping[str, float]]


def as_text(*, candidate: Table, baseline: Table) -> str:
    """The file's text."""
    return json.dumps({CANDIDATE: candidate, BASELINE: baseline})


def read(evaluation_uri: str) -> dict[str, dict[str, dict[str, float]]]:
    """The metrics of `CANDIDATE` and `BASELINE` by slice; both are empty if an older release made the evaluation.

    Args:
        evaluation_uri: folder of a ModelEvaluation artifact.
    """
    file = Path(evaluation_uri) / FILE
    if not file.is_file():
        return {CANDIDATE: {}, BASELINE: {}}
    return json.loads(file.read_text())
