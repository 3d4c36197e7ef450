"""Signals whose exception gets lost on the way, in real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.running.interrupts import MESSAGE

# Beam runs the function in this thread, and reports its exception as a RuntimeError.
IN_A_BEAM_NODE = """
import time
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from pipeline.running.interrupts import Interrupts
from pipeline.running.last_resort import LastResort

def sleep(row):
    print("ready", flush=True)
    time.sleep(600)

last_resort = LastResort()
try:
    with Interrupts(), beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        _ = pipeline | beam.Create([1]) | beam.Map(sleep)
except KeyboardInterrupt as interrupt:
    last_resort.end(interrupt)
"""
# As a destructor or a callback of C++ does.
SWALLOWED = """
import subprocess, time
from pipeline.running.interrupts import Interrupts
from pipeline.running.last_resort import LastResort

LastResort()
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
with Interrupts():
    words = [child.pid]
    while True:
        try:
            while words:
                print(words.pop(), flush=True)
            time.sleep(600)
        except BaseException:
            pass
"""


def start(code: str) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code], text=True, start_new_session=True, **pipes)


@pytest.mark.tensorflow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_what_beam_makes_of_an_interrupt_is_still_one(number, code):
    process = start(IN_A_BEAM_NODE)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert err.endswith(f"{MESSAGE}\n")


@pytest.mark.parametrize(
    ("numbers", "code", "least"), [([signal.SIGTERM], 75, 4), ([signal.SIGINT, signal.SIGINT], 130, 0)]
)
def test_a_process_that_swallows_signals_ends_with_its_children(numbers, code, least):
    process = start(SWALLOWED)
    child = psutil.Process(int(process.stdout.readline()))
    began = time.monotonic()
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.5)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, f"{MESSAGE}\n")
    assert least <= time.monotonic() - began < 10
    _, alive = psutil.wait_procs([child], timeout=2)
    assert not alive


@pytest.mark.parametrize("seconds", [0.4, 1.2])
def test_a_signal_during_the_imports_is_one_line(seconds, tmp_path):
    words = ["-m", "pipeline", "run", "--set", f"runs={tmp_path}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, *words], text=True, cwd=Path(__file__).parents[3], **pipes)
    wait_for_handlers(process.pid)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (75, f"{MESSAGE}\n"), out


def wait_for_handlers(pid: int) -> None:
    """Until Python has started, a signal does what the system does by itself."""
    mask = 0
    while not mask & 1 << (signal.SIGTERM - 1):
        time.sleep(0.01)
        status = Path(f"/proc/{pid}/status").read_text()
        mask = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), 16)
