"""``python -m kubeflow compile`` as a person sees it."""

from __future__ import annotations

import subprocess
import sys

from kubeflow import ir
from kubeflow.cli import main

COMPILE = ("compile", "--profile", "vertex")


def test_a_fresh_process_says_one_line_and_nothing_of_tensorflow(tmp_path):
    output = tmp_path / "taxi.yaml"
    command = [sys.executable, "-m", "kubeflow", *COMPILE, "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"wrote {output}: 12 tasks for vertex\n"
    assert ir.read(output).to_yaml() == output.read_text()


def test_an_error_is_one_line_on_the_terminal_all_the_same(capfd):
    assert main([*COMPILE, "--set", "name=My_taxi"]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("name: 'My_taxi' is no name of a pipeline on a platform")
    assert printed.err.count("\n") == 1
