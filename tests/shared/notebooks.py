"""Runs a notebook as Jupyter would, cell by cell in one shell: ``python -m tests.shared.notebooks FILE``.

Prints what each cell prints and displays. The first error ends it with exit code 1.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell


def main() -> int:
    """Run the notebook from its own folder."""
    notebook = Path(sys.argv[1]).resolve()
    cells = json.loads(notebook.read_text())["cells"]
    os.chdir(notebook.parent)
    shell = InteractiveShell.instance()
    for cell in cells:
        if cell["cell_type"] == "code":
            done = shell.run_cell("".join(cell["source"]))
            if not done.success:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
