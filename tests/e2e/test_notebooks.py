"""The notebooks of docs/notebooks, run cell by cell beside a real run and a real server."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.e2e.projects.project import ROOT, Outcome, Project

pytestmark = pytest.mark.tensorflow

FOLDER = ROOT / "docs" / "notebooks"


def run(project: Project, name: str) -> Outcome:
    """Run a notebook from a folder below the project's, as Jupyter would."""
    folder = project.folder / "docs" / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(FOLDER / name, folder)
    return project.command("tests.shared.notebooks", str(folder / name))


@pytest.mark.slow
def test_data_and_statistics_of_the_last_run(project, first):
    done = run(project, "data.ipynb")
    assert done.code == 0, done.out[-3000:]
    # Other tests may have run since the first one, and may have been refused.
    assert "; 15,002 rows (5,091 eval, 9,911 train)" in done.out
    ranked = re.findall(r"^(\w+) +[01]\.\d{6}$", done.out.partition("Name: explained")[0], re.M)
    # The column that makes the label, then the one that decides it.
    assert ranked[:2] == ["tips", "payment_type"]


@pytest.mark.slow
def test_a_model_is_questioned_over_grpc(project, first):
    done = run(project, "model.ipynb")
    assert done.code == 0, done.out[-3000:]
    assert "'AVAILABLE'" in done.out
    right = float(done.out.split("right for ")[1].split("%")[0])
    assert 80 < right < 100
    answers = dict(re.findall(r"^(Cash|Credit Card) +([01]\.\d+)$", done.out, re.M))
    assert float(answers["Cash"]) < 0.1 < 0.5 < float(answers["Credit Card"])


@pytest.mark.parametrize("notebook", sorted(FOLDER.glob("*.ipynb")), ids=lambda file: file.name)
def test_no_output_is_committed(notebook):
    for cell in json.loads(notebook.read_text())["cells"]:
        assert not cell.get("outputs"), f"{notebook.name}: clear the outputs; they may hold rows of data"
        assert cell.get("execution_count") is None


def test_every_notebook_is_run():
    assert {file.name for file in FOLDER.glob("*.ipynb")} == {"data.ipynb", "model.ipynb"}
