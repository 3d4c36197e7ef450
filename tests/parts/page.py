"""What docs/parts.md says about each optional part, and doing exactly that."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.parts.imports import PACKAGES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "parts.md"
# A section per part: its name in the heading, and one block of commands.
_BLOCK = r"$.*?^```sh[^\n]*\n(?P<commands>.*?)^```$"
_SECTION = re.compile(rf"^## [^\n]*\(`(?P<name>\w+)`\){_BLOCK}", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"\w[\w.-]*(?:/[\w.-]*\w)+")
_MODULE = re.compile(r"python -m (\w[\w.]*\w)")
_BENCHMARKS = re.compile(r"for name in ([\w ]+);")
_LAST = re.compile(rf"^## After the last part{_BLOCK}", re.MULTILINE | re.DOTALL)


def parts() -> dict[str, str]:
    """The commands of each part, by its name."""
    return {found["name"]: found["commands"] for found in _SECTION.finditer(PAGE.read_text())}


def take_out(names: Iterable[str], *, tree: Path) -> set[str]:
    """Run the commands of these parts, and those for afterwards, in ``tree``; what they deleted.

    Raises:
        CalledProcessError: a command failed.
    """
    known, last = parts(), _LAST.search(PAGE.read_text())
    assert last is not None
    before = _paths(tree)
    for commands in (*(known[name] for name in names), last["commands"]):
        subprocess.run(["bash", "-euc", commands], cwd=tree, check=True, capture_output=True, text=True)
    return before - _paths(tree)


def dangling(tree: Path, *, gone: set[str]) -> list[str]:
    """Deleted files that what is left still names: the Makefile, continuous integration, and texts in the code.

    Of imports, `tests.parts.imports` knows more.
    """
    gone = gone | {path.removesuffix(".py") for path in gone}
    files = [tree / "Makefile", tree / ".ci" / "run", *sorted((tree / ".github").rglob("*.yml"))]
    files += sorted(path for package in PACKAGES[:-1] for path in (tree / package).rglob("*.py"))
    found = []
    for file in files:
        text = file.read_text()
        modules = {name.replace(".", "/") for name in _MODULE.findall(text) if file.suffix != ".py"}
        found += [f"{file.relative_to(tree)} names {path}" for path in sorted({*_PATH.findall(text), *modules} & gone)]
    benchmarks = _BENCHMARKS.search((tree / "Makefile").read_text())
    assert benchmarks is not None
    wanted = {f"bench/{name}" for name in benchmarks[1].split()}
    return found + [f"make bench runs {path}" for path in sorted(wanted & gone)]


def _paths(tree: Path) -> set[str]:
    """Of all files and folders, but for the environment."""
    return {str(path.relative_to(tree)) for path in tree.rglob("*") if ".venv" not in path.parts}
