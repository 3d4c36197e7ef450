import contextlib
import io
import logging
import os
import subprocess
import sys

from rich.console import Console

from pipeline.running.console import NodeProgress, node_messages
from pipeline.running.events import NodeEnd

NOISE = """
import os, sys
from pathlib import Path
from pipeline.running.console import quiet
with quiet(Path(sys.argv[1]), verbose=sys.argv[2] == "verbose") as console:
    print("python noise")
    os.write(1, b"native noise\\n")
    os.write(2, b"native error\\n")
    console.print("for the person")
print("after")
"""


def run_noise(log, mode):
    done = subprocess.run([sys.executable, "-c", NOISE, str(log), mode], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def test_noise_of_python_and_native_code_goes_to_the_log(tmp_path):
    log = tmp_path / "logs" / "run.log"
    assert run_noise(log, "quiet").splitlines() == ["for the person", "after"]
    assert sorted(log.read_text().splitlines()) == ["native error", "native noise", "python noise"]


def test_verbose_shows_everything(tmp_path):
    shown = run_noise(tmp_path / "run.log", "verbose")
    assert all(text in shown for text in ("python noise", "native noise", "native error", "for the person"))
    assert not (tmp_path / "run.log").exists()


def test_a_line_per_node_with_what_the_trainer_reports():
    out = io.StringIO()
    progress = NodeProgress(Console(file=out, width=100))
    with node_messages(progress):
        progress.start("Trainer")
        logging.getLogger("trainer.loop.progress").info("epoch %d [bold]", 3)
        progress.end(NodeEnd(node="Trainer", state="done", seconds=4.25))
        progress.start("DataGate")
        logging.getLogger("components.notices").warning("train/zone: codes [0]")
    progress.end(NodeEnd(node="Pusher", state="not run"))
    progress.end(NodeEnd(node="Evaluator", state="cached", seconds=0.01))
    progress.end(NodeEnd(node="DataGate", state="refused", seconds=0.01, reason="why"))
    assert out.getvalue().splitlines() == [
        "✓ Trainer              4.2 s  epoch 3 [bold]",
        "  ! DataGate: train/zone: codes [0]",
        "· Pusher                      not part of this run",
        "= Evaluator            0.0 s  from cache",
        "✗ DataGate             0.0 s",
    ]


def read_all(terminal: int) -> str:
    """What was written to a pseudo-terminal whose other end is closed."""
    chunks = []
    with contextlib.suppress(OSError):
        while chunk := os.read(terminal, 65_536):
            chunks.append(chunk)
    os.close(terminal)
    return b"".join(chunks).decode()


def test_a_terminal_shows_progress_and_is_left_clean():
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal:
        progress = NodeProgress(Console(file=terminal, force_terminal=True, width=80))
        progress.start("Transform")
        progress.stop()
        progress.end(NodeEnd(node="Transform", state="done", seconds=1))
        terminal.flush()
    shown = read_all(master)
    assert "⠋ Transform" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1
    assert "✓" in shown.splitlines()[-1]
