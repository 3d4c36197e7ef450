import sys
from pathlib import Path

import pytest

from pipeline.config.model import known_models, model_module
from pipeline.sources import imported_files, source_digest
from trainer.features.columns import kind_modules
from trainer.objectives.function import LOSSES, METRICS


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose ``train`` imports ``net`` and ``shared``, and whose ``prepare`` imports ``shared`` alone."""
    folder = tmp_path / "usermodule"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "train.py").write_text(
        "import json\nfrom usermodule import net\nfrom . import shared\n\ndef run(): ...\n"
    )
    (folder / "prepare.py").write_text("def prepare():\n    from usermodule.shared import x\n")
    (folder / "net.py").write_text("import does_not_exist_and_is_not_imported\n")
    (folder / "shared.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_closure_follows_imports_without_running_them(package):
    assert set(imported_files("usermodule.train")) == {
        "usermodule",
        "usermodule.train",
        "usermodule.net",
        "usermodule.shared",
    }
    assert "usermodule.net" not in imported_files("usermodule.prepare")
    assert not {name for name in sys.modules if name.startswith("usermodule.")}


@pytest.mark.parametrize(
    ("edited", "train_changes", "prepare_changes"),
    [("net", True, False), ("shared", True, True), ("prepare", False, True), ("__init__", True, True)],
)
def test_an_edit_changes_the_digests_of_what_depends_on_it(package, edited, train_changes, prepare_changes):
    before = source_digest("usermodule.train.run"), source_digest("usermodule.prepare.prepare")
    file = package / f"{edited}.py"
    file.write_text(file.read_text() + "# edited\n")
    after = source_digest("usermodule.train.run"), source_digest("usermodule.prepare.prepare")
    assert (before[0] != after[0], before[1] != after[1]) == (train_changes, prepare_changes)


def test_packages_beside_are_followed_and_installed_ones_are_not(package):
    beside = package.parent / "beside"
    beside.mkdir()
    (beside / "__init__.py").write_text("")
    (beside / "entry.py").write_text("import yaml\nimport usermodule.net\n\ndef run(): ...\n")
    assert set(imported_files("beside.entry")) == {"beside", "beside.entry", "usermodule", "usermodule.net"}


def test_several_modules_share_one_digest(package):
    (package / "other.py").write_text("y = 1\n")
    both = source_digest("usermodule.train.run", "usermodule.other")
    assert both == source_digest("usermodule.other", "usermodule.train.run") != source_digest("usermodule.train.run")
    (package / "other.py").write_text("y = 2\n")
    assert source_digest("usermodule.train.run", "usermodule.other") != both


def test_every_file_of_the_trainer_is_in_the_digest_of_an_entry_point_or_a_model():
    names = ("run_fn", "tuner_fn", "preprocessing", "export.lite", "__main__")
    entry_points = [f"trainer.{name}" for name in names]
    modules = [*entry_points, *map(model_module, known_models()), *kind_modules(None), LOSSES, METRICS]
    files = {file for module in modules for file in imported_files(module).values()}
    assert files == set(Path("trainer").resolve().rglob("*.py"))


def test_an_edit_of_a_model_concerns_those_that_use_it():
    digests = {name: set(imported_files(model_module(name))) for name in known_models()}
    assert {name for name, modules in digests.items() if "trainer.models.lenet" in modules} == {"lenet"}
    assert {name for name, modules in digests.items() if "trainer.models.layers.dropout" in modules} == set(
        known_models()
    )


def test_preprocessing_does_not_depend_on_the_model():
    modules = imported_files("trainer.preprocessing")
    assert not {name for name in modules if "models" in name or "loop" in name}
