"""A signal ends the wait at whatever moment it comes."""

import subprocess
import sys

# Some of these thousands of signals come while the main thread is inside of the wait, at any of its instructions.
_STORM = """
import signal
from serving.server.cli import StopSignals

stop = StopSignals(signal.SIGALRM)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
came = sum(stop.wait(0.00002) for _ in range(30_000))
signal.setitimer(signal.ITIMER_REAL, 0)
while stop.wait(0):
    came += 1
assert not stop.wait(0.01)
signal.raise_signal(signal.SIGALRM)
assert stop.wait()
print(came > 100)
"""


def test_no_moment_of_a_signal_stops_the_thread_that_waits_for_it():
    done = subprocess.run([sys.executable, "-c", _STORM], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
