"""The terminal's output: one aligned line per node with live progress; everything else goes to a log file."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from pipeline.running.events import NodeEnd

_MARKS = {"done": "[green]✓[/]", "cached": "[cyan]=[/]", "not run": "[dim]·[/]"}
_NOTES = {"done": "", "cached": "from cache", "not run": "not part of this run"}
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_NAME_WIDTH = 18
# The loggers that nodes use to tell something to the person at the terminal.
_TELLING = ("trainer.loop.progress", "components.notices")


@contextmanager
def quiet(log_file: Path, *, verbose: bool) -> Iterator[Console]:
    """Send everything that Python and C++ code prints to ``log_file``, and yield a console on the real terminal.

    TensorFlow's and absl's C++ logs go straight to file descriptor 2, so the descriptors themselves are redirected.
    With ``verbose`` nothing is redirected.
    """
    if verbose:
        yield Console(highlight=False)
        return
    log_file.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved_out, saved_err = os.dup(1), os.dup(2)
    with log_file.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    with os.fdopen(os.dup(saved_out), "w") as terminal:
        try:
            yield Console(file=terminal, highlight=False)
        finally:
            # The log may be on a full disk.
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError):
                    stream.flush()
            os.dup2(saved_out, 1)
            os.dup2(saved_err, 2)
            os.close(saved_out)
            os.close(saved_err)


class NodeProgress:
    """Shows nodes as they start and end; between, a spinner, the seconds, and what the trainer reports."""

    def __init__(self, console: Console):
        self._console = console
        self._node = ""
        self._detail = ""
        self._start = 0.0
        self._live: Live | None = None

    def title(self, text: str) -> None:
        """The first line."""
        self._console.print(escape(text), style="bold", soft_wrap=True)

    def summary(self, lines: Iterable[str]) -> None:
        """The last lines, after an empty one."""
        self._console.print()
        for line in lines:
            self._console.print(line, soft_wrap=True, markup=False)

    def start(self, node: str) -> None:
        """A node starts."""
        self._node, self._detail, self._start = node, "", time.monotonic()
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._line,
                console=self._console,
                transient=True,
                refresh_per_second=8,
                # The node's own output belongs in the log.
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def note(self, text: str) -> None:
        """Print a line about the running node."""
        self._console.print(f"  [yellow]![/] {escape(f'{self._node}: {text}')}", soft_wrap=True)

    def detail(self, text: str) -> None:
        """Set the text beside the running node."""
        self._detail = text

    def end(self, end: NodeEnd) -> None:
        """Print the line of a node that has ended."""
        self.stop()
        mark = _MARKS.get(end.state, "[red]✗[/]")
        note = _NOTES.get(end.state, "") or (self._detail if end.node == self._node else "")
        seconds = "" if end.state == "not run" else f"{end.seconds:.1f} s"
        line = f"{mark} {end.node:<{_NAME_WIDTH}}{seconds:>8}  {escape(note)}"
        self._console.print(line.rstrip(), soft_wrap=True)

    def stop(self) -> None:
        """Stop the live line, even in the middle of a node."""
        if self._live:
            self._live.stop()
            self._live = None

    def _line(self) -> Text:
        seconds = time.monotonic() - self._start
        spinner = _SPINNER[int(seconds * 8) % len(_SPINNER)]
        return Text(
            f"{spinner} {self._node:<{_NAME_WIDTH}}{f'{seconds:.1f} s':>8}  {self._detail}", overflow="ellipsis"
        )


class DetailHandler(logging.Handler):
    """Passes the messages of nodes on to the line of the running one."""

    def __init__(self, progress: NodeProgress):
        super().__init__(logging.INFO)
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        """Show one message: warnings stay, others give way to the next."""
        show = self._progress.note if record.levelno >= logging.WARNING else self._progress.detail
        show(record.getMessage())


@contextmanager
def node_messages(progress: NodeProgress) -> Iterator[None]:
    """While open, what the trainer and the gates have to tell appears on the running node's line, or below it."""
    loggers = [logging.getLogger(name) for name in _TELLING]
    handler = DetailHandler(progress)
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
