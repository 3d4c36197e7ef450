"""What a deleted part leaves behind is found, and the project itself has nothing of the kind."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.parts.imports import reaching, unresolved
from tests.parts.page import dangling

FILES = {
    "Makefile": "bench:\n\t@for name in train export; do python -m bench.$$name; done\n",
    ".ci/run": "make test\n",
    "bench/train.py": "",
    "trainer/loop.py": "RATE = 1\n\n\ndef step() -> None:\n    import trainer.parameters\n",
    "trainer/parameters.py": "",
    "tests/test_loop.py": "from trainer import loop\nfrom trainer.loop import RATE, step\nfrom tests import conftest\n",
    "tests/conftest.py": "",
}
GONE = {"kubeflow", "kubeflow/images", "trainer/tuner.py", "bench/compile.py"}


def write(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_clean_tree_has_nothing_left(tmp_path):
    assert dangling(write(tmp_path), gone=GONE) == unresolved(tmp_path) == []
    assert unresolved(ROOT) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("Makefile", "train export", "train compile", "make bench runs bench/compile"),
        ("Makefile", "bench:", "IMAGES := kubeflow/images\nbench:", "Makefile names kubeflow/images"),
        (".ci/run", "make test", ".venv/bin/python -m kubeflow compile", ".ci/run names kubeflow"),
        (
            "trainer/loop.py",
            "RATE = 1",
            "RATE = 1  # trainer/tuner.py",
            "trainer/loop.py names trainer/tuner.py",
        ),
    ],
)
def test_a_deleted_file_that_is_still_named_is_found(tmp_path, file, old, new, said):
    write(tmp_path)
    (tmp_path / file).write_text(FILES[file].replace(old, new))
    assert said in dangling(tmp_path, gone=GONE)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("trainer/loop.py", "trainer.parameters", "trainer.tuner", "trainer/loop.py imports trainer.tuner"),
        ("tests/test_loop.py", "import RATE,", "import PACE,", "tests/test_loop.py imports trainer.loop.PACE"),
        (
            "tests/test_loop.py",
            "tests import",
            "tests.shared import",
            "tests/test_loop.py imports tests.shared.conftest",
        ),
    ],
)
def test_an_import_that_does_not_resolve_is_found(tmp_path, file, old, new, said):
    write(tmp_path)
    (tmp_path / file).write_text(FILES[file].replace(old, new))
    assert unresolved(tmp_path) == [said]


@pytest.mark.parametrize(
    ("changed", "reached"),
    [
        ("trainer/parameters.py", ["tests/test_loop.py"]),
        # Its package may list its modules.
        ("trainer/gone.py", ["tests/test_loop.py"]),
        ("tests/conftest.py", ["tests/conftest.py", "tests/test_bench.py", "tests/test_loop.py"]),
        ("bench/train.py", ["tests/test_bench.py"]),
        ("serving/gone.py", []),
    ],
)
def test_what_imports_or_runs_a_changed_module_is_found(tmp_path, changed, reached):
    write(tmp_path)
    (tmp_path / "tests" / "test_bench.py").write_text('COMMAND = ["python", "-m", "bench.train"]\n')
    assert reaching(tmp_path, {changed}, among="tests") == reached
