"""The client's command: how it starts, reads files, and says what it cannot do."""

import subprocess
import sys

import pytest

from serving.client.__main__ import main
from serving.client.rows import read_rows


def test_a_row_of_a_csv_file_with_too_many_cells_is_refused(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n1,2\n3\n")
    assert read_rows(str(file)) == [{"a": "1", "b": "2"}, {"a": "3", "b": None}]
    file.write_text("a,b\n1,2,3,4\n")
    with pytest.raises(ValueError, match=r"rows.csv: a row has 2 more cells than the header, such as '3'"):
        read_rows(str(file))


def test_json_lines_errors_name_the_line(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\n\n{"a": \n')
    with pytest.raises(ValueError, match=r"rows.jsonl, line 3: is not JSON"):
        read_rows(str(file))


def test_the_client_starts_small_and_without_tensorflow():
    code = """
import psutil, sys
from serving.client import AsyncClient, Client, __main__
from serving.client.messages.protos import message
with Client("localhost:1") as client:
    message("tensorflow.serving.PredictRequest")(), message("tensorflow.metadata.v0.Schema")()
print([name for name in sys.modules if name.startswith(("tensorflow", "keras"))])
print(psutil.Process().memory_info().rss)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules, resident = done.stdout.splitlines()
    assert modules == "[]"
    assert int(resident) < 100 * 2**20


def test_command_line_reports_an_unreachable_server():
    command = [sys.executable, "-m", "serving.client", "status", "--target", "localhost:1", "--model", "taxi"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("localhost:1: UNAVAILABLE")
    assert "Traceback" not in done.stderr


def test_command_line_is_interrupted_without_a_traceback(capsys, monkeypatch):
    class Waiting:
        def __iter__(self):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Waiting())
    assert main(["predict", "--target", "localhost:1", "--model", "taxi", "--input", "-"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_files_that_cannot_be_read_are_named(tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_bytes(b"\xff\xfe")
    command = ["predict", "--target", "localhost:1", "--model", "taxi", "--input"]
    assert main([*command, str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err == f"predict: {tmp_path}/none.csv: No such file or directory\n"
    assert main([*command, str(tmp_path / "rows.jsonl")]) == 2
    assert capsys.readouterr().err == f"predict: {tmp_path}/rows.jsonl: is not UTF-8 text (byte 0)\n"
