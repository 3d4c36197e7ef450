"""What docs/parts.md says about each optional part, and doing exactly that."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "parts.md"
# A section per part: its name in the heading, and one block of commands.
_BLOCK = r"$.*?^```sh[^\n]*\n(?P<commands>.*?)^```$"
_SECTION = re.compile(rf"^## [^\n]*\(`(?P<name>\w+)`\){_BLOCK}", re.MULTILINE | re.DOTALL)
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
    """Deleted paths that the Makefile and the files of continuous integration still name.

    Python's imports are not looked at: ruff and the tests do that.
    """
    files = [tree / "Makefile", tree / ".ci" / "run", *sorted((tree / ".github").rglob("*.yml"))]
    found = []
    for file in files:
        text = file.read_text()
        named = (path for path in sorted(gone) if re.search(rf"(?<![\w/]){re.escape(path)}(?![\w-])", text))
        modules = (path for path in sorted(gone) if f" -m {_module(path)} " in text.replace("\n", " "))
        found += [f"{file.relative_to(tree)} names {path}" for path in (*named, *modules)]
    benchmarks = re.search(r"for name in ([\w ]+);", (tree / "Makefile").read_text())
    assert benchmarks is not None
    wanted = {f"bench/{name}" for name in benchmarks[1].split()}
    return found + [f"make bench runs {name}" for name in sorted(wanted & {path.removesuffix(".py") for path in gone})]


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__main__").replace("/", ".")


def _paths(tree: Path) -> set[str]:
    """Of all files and folders, but for the environment."""
    return {str(path.relative_to(tree)) for path in tree.rglob("*") if ".venv" not in path.parts}
