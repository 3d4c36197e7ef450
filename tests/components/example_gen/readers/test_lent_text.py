"""A process that ends right after it has refused a file ends with its own exit code."""

import subprocess
import sys

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
