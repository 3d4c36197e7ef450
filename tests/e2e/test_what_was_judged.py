"""Damaged or deleted files of earlier runs: what is served was judged, and the next model is compared with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from serving.versions import version_folders
from tests.e2e.projects.project import Project
from tests.shared.folder_digest import digest

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

_WORSE = (
    "--set",
    "trainer.loop.optimizer.learning_rate=1.0e-5",
    "--set",
    "gates.evaluation.thresholds=[{metric: auc, min: 0.1, max_drop: 0.005}]",
)


def _newest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: int(path.name))


def _variables(model: Path) -> Path:
    return model / "variables/variables.data-00000-of-00001"


def test_a_damaged_export_in_the_cache_is_rebuilt_and_what_was_served_remains(project: Project, first):
    served = version_folders.find(project.serving_folder)
    good = served[max(served)]
    before = digest(good)
    # All of them: which one a run without flags finds in the cache depends on the tests before.
    for export in (project.folder / "runs/taxi/artifacts/Trainer/model").glob("*/Format-Serving"):
        variables = _variables(export)
        variables.write_bytes(variables.read_bytes()[: variables.stat().st_size // 2])
    damaged = project.run("--from", "Evaluator")
    assert damaged.code == 2
    assert "is damaged: Format-Serving/variables/variables.data-00000-of-00001 has" in damaged.err
    assert "start with --from Trainer" in damaged.err
    outcome = project.run()
    assert outcome.code == 0, outcome.out + outcome.err
    assert (outcome.nodes()["Transform"], outcome.nodes()["Trainer"]) == ("=", "✓")
    assert "Trainer: rebuilt, since" in outcome.out
    assert digest(good) == before
    # Training again may round otherwise, and is then another model.
    served = version_folders.find(project.serving_folder)
    assert _variables(served[max(served)]).stat().st_size == _variables(good).stat().st_size


def test_a_worse_model_is_refused_though_all_models_but_the_served_one_are_gone(project: Project, first):
    before = project.served()
    shutil.rmtree(project.folder / "runs/taxi/artifacts/Trainer/model")
    outcome = project.run(*_WORSE)
    assert outcome.code == 3, outcome.out + outcome.err
    assert "from the last blessed model" in outcome.err
    assert "is served, but its model is gone or damaged: the baseline is a copy" in outcome.out
    assert project.served() == before
    evaluation = _newest(project.folder / "runs/taxi/artifacts/Evaluator/evaluation")
    locations = json.loads((evaluation / "eval_config.json").read_text())["modelLocations"]
    assert "/ServedModel/" in locations["baseline"]


def test_a_worse_model_is_refused_without_the_metadata_of_earlier_runs(project: Project, first):
    before = project.served()
    (project.folder / "runs/taxi/metadata.sqlite").unlink()
    broken = project.run(*_WORSE)
    assert (broken.code, "doctor --repair" in broken.err) == (2, True)
    assert project.command("pipeline", "doctor", "--repair").code == 0
    outcome = project.run(*_WORSE)
    assert outcome.code == 3, outcome.out + outcome.err
    assert "from the last blessed model" in outcome.err
    assert project.served() == before
