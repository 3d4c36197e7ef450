"""What the Tuner chose, read from its artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from trainer.tuning.hyperparameters import described


def chosen(outputs: Mapping[tuple[str, str], metadata_store_pb2.Artifact]) -> str | None:
    """The best hyperparameters in one line, each as ``--set trainer.`` takes it; None where there was no search.

    Args:
        outputs: of a run, as `pipeline.report.results.output_artifacts` gives them.
    """
    artifact = outputs.get(("Tuner", "best_hyperparameters"))
    if artifact is None:
        return None
    [file] = Path(artifact.uri).iterdir()
    return described(json.loads(file.read_text())["values"])
