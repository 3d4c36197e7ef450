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


def take_out(names: Iterable[str], *, tree: Path) -> None:
    """Run the commands of these parts, and those for afterwards, in ``tree``.

    Raises:
        CalledProcessError: a command failed.
    """
    known, last = parts(), _LAST.search(PAGE.read_text())
    assert last is not None
    for commands in (*(known[name] for name in names), last["commands"]):
        subprocess.run(["bash", "-euc", commands], cwd=tree, check=True, capture_output=True, text=True)
