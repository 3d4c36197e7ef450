"""Plants every fault of the catalogue and writes what the gates said into docs/gates.md.

``python -m tests.e2e.faults.page`` takes some ten minutes.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tests.e2e.faults.catalogue import FAULTS, Fault
from tests.e2e.projects.project import ROOT, Outcome, Project

PAGE = ROOT / "docs" / "gates.md"
_BEGIN, _END = "<!-- planted faults -->\n", "<!-- end of planted faults -->\n"
_NUMBER = re.compile(r"\d[\d,.]*")
_VARIABLE = re.compile(r"(Could not find variable).*")


def line_of(outcome: Outcome, project: Project) -> str:
    """The line of a refusal, with paths as seen from the project."""
    [line] = outcome.err.splitlines()
    return line.replace(f"{project.folder}/", "")


def row(fault: Fault, line: str) -> str:
    """A row of the table."""
    return f"| {fault.what} | `{line.replace('|', chr(92) + '|')}` |"


def rows() -> dict[str, str]:
    """The rows of the page by the fault's words."""
    table = PAGE.read_text().partition(_BEGIN)[2].partition(_END)[0]
    return {text.split(" | ")[0].removeprefix("| "): text for text in table.splitlines()[2:]}


def without_numbers(text: str) -> str:
    """A row without what depends on the machine: training rounds otherwise on another, and threads race."""
    return _NUMBER.sub("0", _VARIABLE.sub(r"\1", text))


def is_refused(fault: Fault, outcome: Outcome) -> bool:
    """Whether the right gate gave the right reason."""
    return outcome.code == 3 and outcome.err.startswith(f"{fault.node} refused: ") and fault.reason in outcome.err


def main() -> int:
    """Write the table; returns 1, and writes nothing, if a fault was not refused by its gate."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder) / "project")
        assert project.run().code == 0
        outcomes = {fault: fault.run(project) for fault in FAULTS}
    missed = [fault for fault, outcome in outcomes.items() if not is_refused(fault, outcome)]
    for fault in missed:
        print(f"{fault.what}: exit code {outcomes[fault].code}: {outcomes[fault].err.strip()}", file=sys.stderr)
    if missed:
        return 1
    made = [row(fault, line_of(outcome, project)) for fault, outcome in outcomes.items()]
    table = "\n".join(["| planted | the run ends with |", "|---|---|", *made])
    head, _, rest = PAGE.read_text().partition(_BEGIN)
    PAGE.write_text(f"{head}{_BEGIN}{table}\n{_END}{rest.partition(_END)[2]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
