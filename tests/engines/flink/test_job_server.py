"""Of a Java stack trace of a hundred lines, a person gets the line that says what was wrong."""

import pytest

from tests.engines.flink.job_server import reason

NO_POOL = """\
org.apache.flink.runtime.JobException: Recovery is suppressed by FixedDelayRestartBackoffTimeStrategy(1)
\tat org.apache.flink.runtime.executiongraph.failover.ExecutionFailureHandler.handle(ExecutionFailureHandler.java:3)
Caused by: java.lang.Exception: The user defined 'open()' method caused an exception
\t... 10 more
Caused by: org.apache.beam.vendor.grpc.v1p69p0.io.grpc.StatusRuntimeException: UNAVAILABLE: io exception
\tat org.apache.beam.X.y(X.java:1)
Caused by: java.net.ConnectException: Connection refused: localhost/127.0.0.1:50000
"""
PYTHON = """\
org.apache.flink.runtime.JobException: Recovery is suppressed by FixedDelayRestartBackoffTimeStrategy(1)
Caused by: java.lang.RuntimeException: Error received from SDK harness: Traceback (most recent call last):
  File "a.py", line 3, in f
    x()
KeyError: 'fare'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in f
    x()
ValueError: no fare
in row 7 [while running 'Map(f)']

\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient.accept(FnApiControlClient.java:3)
"""


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        (
            NO_POOL,
            "StatusRuntimeException: UNAVAILABLE: io exception; "
            "caused by ConnectException: Connection refused: localhost/127.0.0.1:50000",
        ),
        (PYTHON, "ValueError: no fare\nin row 7 [while running 'Map(f)']"),
        ("The main method caused an error.", "The main method caused an error."),
        ("", "the engine gave no reason"),
    ],
)
def test_the_reason_is_the_innermost_cause(trace, told):
    assert reason(trace) == told
