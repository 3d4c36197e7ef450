"""The hyperparameters that the Tuner chose, read from its artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from trainer.tuning.hyperparameters import described


def tuned(outputs: Mapping[tuple[str, str], metadata_store_pb2.Artifact]) -> tuple[str, str] | None:
    """The summary's line on the search: its label, and the best values as ``--set trainer.`` takes them.

    Args:
        outputs: artifacts of a run by node ID and output key, from `pipeline.running.metadata.output_artifacts`.

    Returns:
        None where there was no search.
    """
    artifact = outputs.get(("Tuner", "best_hyperparameters"))
    if artifact is None:
        return None
    [file] = Path(artifact.uri).iterdir()
    return "tuned", described(json.loads(file.read_text())["values"])
