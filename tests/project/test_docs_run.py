"""Runs the documented commands that are marked ``run``, page by page, in a copy of the project with two models."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.pages import Block, blocks, pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page for page in pages() if any(block.mark in ("run", "run as a server") for block in blocks(page))]
_LEFT_OUT = shutil.ignore_patterns(".*", "runs", "site", "build", "__pycache__", "*.egg-info")

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Copy:
    """A copy of the project, with the environment of this one.

    Args:
        folder: Path, where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=_LEFT_OUT)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        # Older than the environment, so that make does not set up anything.
        for name in ("requirements.lock", "setup.py", "bootstrap.py"):
            os.utime(folder / name, (0, 0))
        self._replaced = {
            "8500": _free_port(),
            "8501": _free_port(),
            "8080": _free_port(),
            "/shared/": f"{folder}/shared/",
        }

    def start(self, block: Block) -> subprocess.Popen[str]:
        """Run a block in a shell of its own, with ports and folders of this copy."""
        text = block.text
        for old, new in self._replaced.items():
            text = text.replace(old, new)
        python = block.language == "python"
        command = [".venv/bin/python", "-c", text] if python else ["bash", "-euo", "pipefail", "-c", text]
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, start_new_session=True, **pipes)

    def add_second_version(self) -> None:
        """A later version with the same files; ``VERSION`` in a command is the earlier one."""
        versions = self.folder / "runs" / "taxi" / "serving" / "taxi"
        (first,) = (path for path in versions.iterdir() if path.name.isdigit())
        shutil.copytree(first, versions / str(int(first.name) + 1))
        self._replaced["VERSION"] = first.name


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("docs") / "project")
    first = subprocess.run(["make", "run"], cwd=copy.folder, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    copy.add_second_version()
    return copy


@pytest.fixture
def servers() -> Iterator[list[subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []
    yield running
    for server in running:
        os.killpg(server.pid, signal.SIGTERM)
        server.communicate(timeout=60)


def _wait_until_it_serves(server: subprocess.Popen[str]) -> None:
    end, said = time.monotonic() + 120, ""
    while "serving " not in said:
        assert server.poll() is None, said
        assert time.monotonic() < end, said
        if select.select([server.stdout], [], [], 1)[0]:
            said += os.read(server.stdout.fileno(), 4096).decode()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run(page, copy, servers):
    for block in blocks(page):
        if block.mark not in ("run", "run as a server"):
            continue
        process = copy.start(block)
        if block.mark == "run as a server":
            servers.append(process)
            _wait_until_it_serves(process)
        else:
            said, _ = process.communicate(timeout=600)
            assert process.returncode == 0, f"{block}:\n{said}"
            assert not re.search(r"Traceback", said)
