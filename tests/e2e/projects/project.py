"""A copy of the project in a temporary folder, run through its command line as a person would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.shared.folder_digest import digest

ROOT = Path(__file__).resolve().parents[3]
_PARTS = ("pipeline", "components", "trainer", "serving", "tests", "configs", "data", "schema")

# A network namespace of its own has no way out, and a loopback interface that is down at first.
_LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 1))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    def nodes(self) -> dict[str, str]:
        """The mark of each node's line: ``✓`` done, ``=`` cached, ``·`` not part of the run, ``✗`` ended it."""
        lines = [line.split() for line in self.out.splitlines() if line[:1] in "✓=·✗"]
        return {words[1]: words[0] for words in lines if len(words) > 1}


class Project:
    """The copy."""

    def __init__(self, folder: Path):
        self.folder = folder
        ignored = shutil.ignore_patterns("__pycache__", "runs")
        for part in _PARTS:
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)

    @property
    def serving_folder(self) -> Path:
        return self.folder / "runs" / "taxi" / "serving" / "taxi"

    def start(self, *words: str) -> subprocess.Popen:
        """``python -m pipeline run`` in the background, its output to be read line by line."""
        return self.popen("run", *words)

    def popen(self, *words: str) -> subprocess.Popen:
        """``python -m pipeline`` with these words, in the background."""
        command = [sys.executable, "-m", "pipeline", *words]
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, start_new_session=True, **pipes)

    def command(self, *words: str, offline: bool = False) -> Outcome:
        """Run ``python -m ...`` in the copy; ``offline`` cuts the network off, but for the machine itself."""
        command = [sys.executable, "-m", *words]
        if offline:
            command = ["unshare", "-rn", sys.executable, "-c", _LOOPBACK_UP, *command[1:]]
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def run(self, *words: str, offline: bool = False) -> Outcome:
        """``python -m pipeline run`` with these flags."""
        return self.command("pipeline", "run", *words, offline=offline)

    def status(self) -> str:
        """What ``python -m pipeline status`` prints, from ML Metadata alone."""
        outcome = self.command("pipeline", "status")
        assert outcome.code == 0, outcome.err
        return outcome.out

    def served(self) -> str:
        """A digest over every name and byte below the serving folder."""
        return digest(self.serving_folder)

    def history(self, name: str = "taxi") -> list[dict]:
        """The reports of a pipeline's newest training."""
        files = self.folder.glob(f"runs/{name}/artifacts/Trainer/model_run/*/history.jsonl")
        newest = max(files, key=lambda path: int(path.parent.name))
        return [json.loads(line) for line in newest.read_text().splitlines()]


def network_can_be_cut() -> bool:
    """Whether this machine lets us make a network namespace."""
    probe = subprocess.run(["unshare", "-rn", "true"], capture_output=True)
    return probe.returncode == 0
