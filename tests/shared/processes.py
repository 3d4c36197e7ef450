"""Runs a module of the tests in a fresh Python process."""

from __future__ import annotations

import os
import subprocess
import sys


def run_python(module: str, *arguments: str, timeout: float = 300, **environment: str) -> subprocess.CompletedProcess:
    """Run ``python -m module``; its failure is the test's."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done
