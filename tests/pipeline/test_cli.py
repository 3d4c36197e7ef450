import os
import subprocess
import sys

import pytest

from pipeline import cli

LIGHT = "import sys; from pipeline.cli import main; code = main(sys.argv[1:]); "
LIGHT += "print('heavy' if {'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules) else 'light'); sys.exit(code)"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["status", "--set", "runs=/nonexistent"], 0),
        (["lineage", "--set", "runs=/nonexistent"], 2),
        (["retrain-if", "--age", "1", "--set", "runs=/nonexistent"], 10),
        (["predict-batch", "--input", "x", "--output", "y", "--set", "runs=/nonexistent"], 2),  # part: batch
        (["status", "--profile", "portable", "--set", "runs=/nonexistent"], 0),
        (["run", "--set", "data.path=nowhere"], 2),
        (["run", "--profile", "portable", "--set", "beam.job_endpoint=localhost:1"], 2),
        (["run", "--set", "x=1"], 2),
        (["run", "--to", "Trainr"], 2),
        (["run", "--from", "Evaluator", "--to", "Trainer"], 2),
        (["run", "--from", "Evaluator", "--set", "runs=/nonexistent"], 2),
    ],
)
def test_quick_answers_import_nothing_heavy(arguments, code):
    done = subprocess.run([sys.executable, "-c", LIGHT, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (code, "light"), done.stderr


def test_config_error_is_one_line_and_exit_code_2(capsys):
    assert cli.main(["run", "--set", "trainer.loop.epoch=3"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did you mean epochs?" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "Trainr"], "--to Trainr: there is no such node; did you mean 'Trainer'? the nodes are ExampleGen, "),
        (["--from", "Tuner"], "--from Tuner: there is no such node; "),
        (["--from", "Evaluator", "--to", "Trainer"], "--to Trainer comes before --from Evaluator; swap them."),
        (["--set", "label.column=tip"], "; did you mean 'tips'? it has "),
        (["--set", "trainer.loop.precision=bfloat"], "got 'bfloat'; did you mean 'bfloat16'?"),
        (["--set", "data.splits={by: tim, column: x}"], "; did you mean 'time'?"),
        (["--profile", "loca"], "; did you mean 'local'? there are "),
    ],
)
def test_a_wrong_word_gets_the_nearest_right_one(capsys, tmp_path, words, message):
    assert cli.main(["run", *words, "--set", f"runs={tmp_path}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


def test_usage_error_is_exit_code_2():
    with pytest.raises(SystemExit) as error:
        cli.main(["train"])
    assert error.value.code == 2


def test_status_before_any_run(capsys, tmp_path):
    assert cli.main(["status", "--set", f"runs={tmp_path}"]) == 0
    assert "no run yet" in capsys.readouterr().out


def test_a_reader_that_is_done_is_no_surprise(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pipeline", "status", "--set", f"runs={tmp_path}"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (cli.BROKEN, "")


def test_an_engine_that_is_not_there_is_told_before_anything_runs(capsys, tmp_path):
    assert (
        cli.main(
            ["run", "--profile", "portable", "--set", f"runs={tmp_path}", "--set", "beam.job_endpoint=localhost:1"]
        )
        == 2
    )
    assert capsys.readouterr().err.startswith("beam.job_endpoint: localhost:1: nothing listens (Connection refused).\n")
    assert not list(tmp_path.rglob("*.log"))


def test_a_job_file_needs_a_run(capsys, tmp_path):
    assert cli.main(["training-job", "--folder", str(tmp_path), "--set", f"runs={tmp_path}"]) == 2
    assert "there is no run in" in capsys.readouterr().err
