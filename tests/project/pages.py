"""The pages of the documentation as data: headings, links, and blocks of commands with the mark above each.

A block of commands (```` ```sh ````, ```` ```bash ````, ```` ```python ````) has a comment above it that says how it is
tested: ``<!-- run -->`` and ``<!-- run as a server -->`` (`tests.project.test_docs_run` runs them, page by page, in a
copy of the project), ``<!-- run: tests/FILE.py -->`` (that test runs it), or ``<!-- not run: REASON -->``.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
COMMANDS = ("sh", "bash", "python")

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*) *$")
_MARK = re.compile(r"^ *<!-- (?P<mark>(?:not run|run)\b.*?) -->$")
_HEADING = re.compile(r"^#+ (?P<text>.+)$")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_MODULE = re.compile(r"^(?:[A-Z_]+=\S+ +)*(?:\S*/)?python[\d.]* -m (?P<module>[\w.]+)(?P<arguments>.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: Path, its page.
        line: int, the number of its first fence.
        language: str, the word after that fence; empty without one.
        text: str, what is inside, without the fence's indentation.
        mark: str, the comment above it; empty without one.
    """

    page: Path
    line: int
    language: str
    text: str
    mark: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def module_calls(self) -> Iterator[tuple[str, list[str]]]:
        """Every ``python -m MODULE ARGUMENTS`` in it, up to the first pipe or redirection."""
        for line in self.text.replace("\\\n", " ").splitlines():
            for command in re.split(r" \|\|? | && |; ", line):
                found = _MODULE.match(command.strip())
                if found:
                    words = shlex.split(re.sub(r" [<>&] ?.*$", "", found["arguments"]), comments=True)
                    yield found["module"], words


def pages() -> list[Path]:
    """Every page of the site."""
    return sorted(DOCS.rglob("*.md"))


def texts() -> list[Path]:
    """The pages of the site, and the project's other texts in Markdown."""
    return [*pages(), *sorted(ROOT.glob("*.md")), *sorted((ROOT / "data").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in order."""
    found, mark, lines = [], "", iter(enumerate(page.read_text().splitlines(), start=1))
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence:
            inside = []
            for _, inner in lines:
                if inner.strip() == "```":
                    break
                inside.append(inner.removeprefix(fence["indent"]))
            found.append(Block(page, number, fence["language"], "\n".join(inside) + "\n", mark))
        marked = _MARK.match(line)
        mark = marked["mark"] if marked else ""
    return found


def prose(page: Path) -> str:
    """A page without its fenced blocks and code spans."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def links(page: Path) -> list[str]:
    """The targets of a page's links and images."""
    return [match["target"] for match in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """What a link to one of its headings ends in: on GitHub, and on the site, where both give the same."""
    outside = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = [match["text"] for line in outside.splitlines() if (match := _HEADING.match(line))]
    plain = [re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower() for heading in headings]
    github, site = {re.sub(r"\s", "-", text) for text in plain}, {re.sub(r"[-\s]+", "-", text) for text in plain}
    return github & site
