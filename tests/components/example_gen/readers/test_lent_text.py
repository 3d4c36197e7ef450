"""A process that ends right after it has refused a file ends with its own exit code."""

import io
import subprocess
import sys

import pytest

from components.example_gen.readers.csv_files import text_batches
from components.example_gen.reading import Reading

SCRIPT = """
import sys
from components.example_gen.reading import Reading
from components.example_gen.readers.csv_files import text_batches
from components.refusal import GateRefused

try:
    list(text_batches(sys.argv[1], lambda path: open(path, "rb"), Reading(kind="csv")))
except GateRefused as error:
    print(error.reason)
    sys.exit(2)
"""


def test_a_refused_file_does_not_abort_the_process(tmp_path):
    """It did in most of ten calls: a thread of Arrow dropped the stream while the interpreter ended."""
    file = tmp_path / "ragged.csv"
    file.write_text("a,b,y\n" + "1.5,x,0\n" * 400 + "1,2\n")
    for _ in range(8):
        done = subprocess.run([sys.executable, "-c", SCRIPT, file], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (2, "")
        assert "row 401 after the header has 2 cells" in done.stdout


class Broken(io.RawIOBase):
    """Ends in an error in the middle of a row."""

    def __init__(self):
        self._parts = [b"a,b\n", b"1,2\n34,5"]

    def readable(self):
        return True

    def read(self, size=-1):
        if not self._parts:
            raise OSError("the disk is gone")
        return self._parts.pop(0)

    def readline(self, size=-1):
        return self.read()


def test_half_a_row_before_an_error_is_no_row():
    """The batch job keeps what it has read until then."""
    found = []
    with pytest.raises(OSError, match="the disk is gone"):
        found.extend(text_batches("d.csv", lambda path: Broken(), Reading(kind="csv"), skipped=[]))
    assert all(row != {"a": "34", "b": "5"} for _, batch in found for row in batch.to_pylist())
