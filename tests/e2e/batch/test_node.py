"""The taxi pipeline with the node that scores files after the push."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from serving.versions import version_folders
from tests.e2e.projects.project import Project

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


def test_each_run_scores_the_files_with_the_version_that_it_pushed(project: Project, first):
    outcome = project.run("--set", "batch={input: [data/taxi/*.csv], inputs: true}")
    assert outcome.code == 0, outcome.err
    marks = outcome.nodes()
    assert marks["BatchInference"] == "✓"
    assert list(marks).index("Pusher") < list(marks).index("BatchInference")
    table = pq.read_table(_newest(project.folder / "runs/taxi/artifacts/BatchInference/scores"))
    assert table.num_rows == 15_002
    assert set(table["model_version"].to_pylist()) <= set(version_folders.find(project.serving_folder))
    assert "company" in table.column_names


def test_more_bad_rows_than_allowed_refuse_the_node(project: Project, first):
    (project.folder / "bad.csv").write_text(
        (project.folder / "data/taxi/trips.csv").read_text().replace(",12.45,", ",much,", 1)
    )
    outcome = project.run("--set", "batch={input: [bad.csv]}")
    assert outcome.code == 3
    assert "BatchInference refused: 1 rows are bad, more than batch.max_bad, 0; " in outcome.err
    assert project.run("--set", "batch={input: [bad.csv], max_bad: 1}").code == 0


def _newest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: int(path.name))
