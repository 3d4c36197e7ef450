"""Each optional part comes out of a copy of the tree by the commands of docs/parts.md, and so do all together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutate.__main__ import copy_tree
from tests.parts.imports import PACKAGES, reaching, unresolved
from tests.parts.page import dangling, parts, take_out

ROOT = Path(__file__).resolve().parents[2]
ALL = tuple(parts())
BIN = ROOT / ".venv" / "bin"

pytestmark = pytest.mark.slow


def without(tmp_path: Path, *names: str) -> Path:
    """A copy of the tree without these parts, checked for style and import contracts."""
    tree = copy_tree(tmp_path / "tree")
    (tree / ".venv").symlink_to(ROOT / ".venv")
    gone = take_out(names, tree=tree)
    assert dangling(tree, gone=gone) + unresolved(tree) == []
    left = [path for name in names for path in tree.rglob("*.py") if f"# part: {name}\n" in path.read_text()]
    assert not left
    succeeds(tree, "make", "--dry-run", "run", "test", "lint", "docs", "bench", "lock")
    workflows = sorted((tree / ".github" / "workflows").iterdir())
    succeeds(tree, BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    succeeds(tree, BIN / "check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")
    succeeds(tree, BIN / "ruff", "check", "--quiet", ".")
    succeeds(tree, BIN / "ruff", "format", "--quiet", "--check", ".")
    succeeds(tree, BIN / "lint-imports", "--no-cache")
    succeeds(tree, sys.executable, "-m", "pipeline", "--help")
    return tree


def succeeds(tree: Path, *command: str | Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run([str(word) for word in command], cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("name", ALL)
def test_a_part_comes_out_whole(tmp_path, name):
    tree = without(tmp_path, name)
    # What imports nothing that has changed, and runs none of it, does what it did before.
    modules = [path for path in reaching(tree, changed(tree), among="tests") if Path(path).name.startswith("test_")]
    unit = [path for path in modules if not path.startswith("tests/engines/")]
    words = ("-q", "-x", "-m", "not tensorflow and not slow", "-p", "no:cacheprovider")
    succeeds(tree, sys.executable, "-m", "pytest", *words, *unit)


def changed(tree: Path) -> set[str]:
    """The modules whose text is another one than here, or that are gone."""
    files = [path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {str(file) for file in files if not _same(ROOT / file, tree / file)}


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


@pytest.mark.tensorflow
def test_with_all_parts_gone_the_types_fit_and_a_taxi_run_passes(tmp_path):
    tree = without(tmp_path, *ALL)
    succeeds(tree, sys.executable, "-m", "tests.typing.protobuf_stubs")
    succeeds(tree, BIN / "basedpyright")
    words = ("-q", "-x", "-m", "not tensorflow and not slow", "-p", "no:cacheprovider")
    succeeds(tree, sys.executable, "-m", "pytest", *words)
    assert "pushed      version" in succeeds(tree, sys.executable, "-m", "pipeline", "run")
