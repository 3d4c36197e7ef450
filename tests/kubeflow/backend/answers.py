"""What a pushed model answers, and how it did against the one before."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

from components.gates.evaluation import ALL_EXAMPLES, BASELINE, CANDIDATE, metrics_by_slice
from serving.client import Client
from tests.kubeflow.backend.taxi import ROOT, download
from tests.serving.support.running import RunningServer

_ROWS = 3


def served_version(serving: Path, scratch: Path) -> int:
    """Serve a copy of ``serving``, ask it for a few trips over gRPC, and return the version that answered."""
    folder = download(serving, scratch / "download")
    with (ROOT / "data/taxi/trips.csv").open() as file:
        rows = list(itertools.islice(csv.DictReader(file), _ROWS))
    with (
        RunningServer("--model_name", "taxi", "--model_base_path", folder) as server,
        Client(server.target) as client,
    ):
        answer = client.predict("taxi", rows, timeout=60.0)
        (version,) = [number for number, state in client.status("taxi").items() if state == "AVAILABLE"]
    (probabilities,) = [values for name, values in answer.items() if name == "probability"]
    assert len(probabilities) == _ROWS
    assert all(0 < value < 1 for value in probabilities.ravel())
    return version


def auc(evaluation: Path) -> tuple[float | None, float | None]:
    """The AUC of the candidate and of the baseline; None where there was no baseline."""
    tables = (metrics_by_slice(str(evaluation), name) for name in (CANDIDATE, BASELINE))
    return tuple(table[ALL_EXAMPLES]["auc"] if table else None for table in tables)
