"""``python -m kubeflow compile`` as a person sees it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kubeflow.cli import main
from kubeflow.ir import pipeline_spec
from pipeline.cli import main as pipeline_main

pytestmark = pytest.mark.tensorflow

COMPILE = ("compile", "--profile", "kubeflow")


@pytest.mark.slow
def test_a_fresh_process_says_one_line_and_nothing_of_tensorflow(tmp_path):
    output = tmp_path / "taxi.yaml"
    command = [sys.executable, "-m", "kubeflow", *COMPILE, "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"wrote {output}: 15 tasks for kubeflow\n"
    assert pipeline_spec.read(output).to_yaml() == output.read_text()


def test_an_error_is_one_line_on_the_terminal_all_the_same(capfd):
    assert main([*COMPILE, "--set", "name=My_taxi"]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("name: 'My_taxi' is not a valid name on a platform")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("output", ["nowhere/taxi.yaml", "."])
def test_an_output_that_cannot_be_written_is_told_at_once(output, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("kubeflow.commands.compile.compiled", lambda *_, **__: pytest.fail("compiled for nothing"))
    assert main([*COMPILE, "--output", str(tmp_path / output)]) == 2
    assert "must be a file in an existing folder." in capsys.readouterr().err


def test_what_a_compiled_file_holds_cannot_be_set_any_more(capsys):
    words = ("lint", "--profile", "kubeflow", "--input", "tests/kubeflow/ir/golden/taxi-kubeflow.yaml")
    assert main([*words, "--set", "trainer.loop.epochs=9"]) == 2
    assert "--set trainer.loop.epochs=9: has no effect on tests/kubeflow/ir/golden" in capsys.readouterr().err


def test_violations_are_one_document_for_programs(capsys):
    words = ("lint", "--profile", "kubeflow", "--input", "tests/kubeflow/ir/golden/taxi-kubeflow.yaml", "--json")
    assert main(words) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["pipeline"], found["platform"], found["tasks"]) == ("taxi", "kubeflow", 15)
    assert {"where", "what", "fix"} == found["violations"][0].keys()


def test_an_interrupt_is_one_line(tmp_path):
    command = [sys.executable, "-m", "kubeflow", *COMPILE, "--output", str(tmp_path / "taxi.yaml")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # TFX is imported then, which takes seconds.
    while "tensorflow" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (1, "", "interrupted.\n")


def test_a_profile_of_a_platform_is_not_run_here(capsys):
    assert pipeline_main(["run", "--profile", "kubeflow"]) == 2
    text = "runs on Kubeflow; send it there with `python -m kubeflow submit --profile kubeflow`"
    assert text in capsys.readouterr().err
