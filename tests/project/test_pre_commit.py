"""The pre-commit hooks, each as the configuration calls it."""

import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

HOOKS = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
}
CLEAN = '"""A module."""\n'
FAULTS = {
    "ruff-check": "print(undefined)\n",
    "ruff-format": "a  =  1\n",
    "codespell": f"# {'recieve'[:3]}ieve\n",
    "large-files": "#" * 1_000_001,
}


def run(hook: str, *files: Path) -> int:
    command = [*shlex.split(HOOKS[hook]["entry"]), *map(str, files)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_passes_what_is_clean_and_finds_its_fault(hook, tmp_path):
    file = tmp_path / "module.py"
    file.write_text(CLEAN)
    assert run(hook, file) == 0
    file.write_text(FAULTS[hook])
    # A formatter changes the file, which is what pre-commit refuses.
    assert run(hook, file) != 0 or file.read_text() != FAULTS[hook]


def test_the_tree_is_spelled_well_and_has_no_large_files():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert run("codespell", Path()) == 0
    assert run("large-files", *(Path(name) for name in files.split("\0") if name and (ROOT / name).exists())) == 0
