"""Signals to real runs: wherever they arrive, the run ends soon with one line, and the next one finishes the work.

The tests run in the order of this file: each run gets one node further than the one before.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time

import psutil
import pytest

from tests.e2e.projects.small import SmallProject

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

SECONDS = 10
LINE = "interrupted; nothing is half-pushed, and the next run resumes after the last finished node.\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> SmallProject:
    return SmallProject(tmp_path_factory.mktemp("small"))


def wait_for_line(process: subprocess.Popen, text: str) -> None:
    while text not in (line := process.stdout.readline()):
        assert line, process.stderr.read()


def family(process: subprocess.Popen) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


TERM, CTRL_C = signal.SIGTERM, signal.SIGINT
CODES = {TERM: 75, CTRL_C: 130}


# The line after which to wait, how long, and whether a node is then at work.
@pytest.mark.parametrize(
    ("line", "seconds", "at_work", "number"),
    [
        ("", 0.6, False, TERM),
        ("", 3, False, CTRL_C),
        ("small", 2, False, TERM),
        ("start-up", 0.5, True, CTRL_C),
        ("ExampleGen", 1.5, True, TERM),
        ("DataGate", 2, True, CTRL_C),
        ("Baseline", 2, True, TERM),
        ("Pusher", 0.1, False, CTRL_C),
    ],
)
def test_a_signal_ends_a_run_soon_and_with_one_line(small, line, seconds, at_work, number):
    process = small.start()
    if line:
        wait_for_line(process, line)
    time.sleep(seconds)
    children = family(process)
    began = time.monotonic()
    # A terminal sends Ctrl-C to every process of the session.
    (os.killpg if number == CTRL_C else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=60)
    took = time.monotonic() - began
    assert (process.returncode, err) == (CODES[number], LINE), out
    assert took < SECONDS
    _, alive = psutil.wait_procs(children, timeout=2)
    assert not alive
    if at_work:
        # The signal may arrive between two nodes.
        ended = r"^small: run \d+ of \d+, .*, ended after |^  \w+ +failed .*interrupted$"
        assert re.search(ended, small.other("status").out, re.MULTILINE)


def test_the_run_after_all_of_these_finishes(small):
    outcome = small.run()
    assert outcome.code == 0, outcome.err
    assert "interrupted" not in small.other("status").out.partition("earlier runs:")[0]
    assert len(small.versions()) == 1
    assert not list(small.run_folder.glob("tmp/*"))
