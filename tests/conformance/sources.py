"""Where each case comes from: files of TF Serving, read at one commit.

A test's ``@pytest.mark.source(...)``, or its module's, names files below ``tensorflow_serving/``; those of other
projects carry theirs before a colon. The report of a run lists them (`report`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

COMMIT = "9d981c5c2708d23c5407c7c1e30309e6f9798874"
COMMIT_DATE = "2026-07-30"
# What else was read, at the versions that this commit builds with, or their newest where it names none.
OTHERS = {
    "absl": "abseil/abseil-cpp, absl/strings/escaping.cc",
    "rapidjson": "Tencent/rapidjson at v1.1.0, include/rapidjson",
    "tensorflow": "tensorflow/tensorflow, what the wheel under test runs",
    "grpc": "grpc/grpc, the protocol's own definitions",
}


def report(cases: Iterable[tuple[str, str]]) -> list[str]:
    """Lines of a table: cases by the file that they come from.

    Args:
        cases: file and outcome (``passed``, ``failed``, ``skipped``) of every case, once for each of its files.
    """
    counts = Counter(cases)
    outcomes = ("passed", "failed", "skipped")
    title = f"cases of TF Serving at {COMMIT[:8]} ({COMMIT_DATE})"
    lines = [f"{title:<72}" + "".join(f"{outcome:>8}" for outcome in outcomes)]
    for file in sorted({file for file, _ in counts}):
        lines.append(f"{file:<72}" + "".join(f"{counts[file, outcome]:>8}" for outcome in outcomes))
    return lines
