"""A MariaDB server of the test's own, on loopback, in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

USER = "pipeline"
# With every sign that means something in a URI.
PASSWORD = "p@ss:w/rd#%?&"
_SECONDS = 60.0


class MariaDB:
    """A running server.

    Attributes:
        port: where it listens on 127.0.0.1.
    """

    def __init__(self, port: int, sock: Path):
        self.port = port
        self._sock = sock

    def sql(self, statements: str) -> bool:
        """Run statements as root; False if the server does not answer."""
        command = ["mariadb", "--no-defaults", f"--socket={self._sock}", "--user=root", "--execute", statements]
        return subprocess.run(command, capture_output=True, timeout=_SECONDS).returncode == 0

    def create(self, database: str) -> None:
        """Create an empty database, in place of one that is there, which `USER` may use."""
        assert self.sql(
            f"drop database if exists {database}; create database {database};"
            f"create user if not exists '{USER}'@'127.0.0.1' identified by '{PASSWORD}';"
            f"grant all on {database}.* to '{USER}'@'127.0.0.1'"
        )


@contextlib.contextmanager
def server() -> Iterator[MariaDB]:
    """Start a server; skips where it is not installed."""
    # Not on the PATH of every user.
    program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        pytest.skip("MariaDB is not installed (apt-get install mariadb-server)")
    folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
    # The server refuses to run as root.
    user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    shutil.chown(folder, user)
    data = f"--datadir={folder / 'data'}"
    words = ["mariadb-install-db", "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(words, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=_SECONDS)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    started = MariaDB(port, folder / "sock")
    words = [program, "--no-defaults", data, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/sock"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*words, f"--pid-file={folder / 'pid'}"], user=user, cwd=folder, stdout=log, stderr=log
        )
    try:
        end = time.monotonic() + _SECONDS
        while not started.sql("select 1"):
            late = process.poll() is not None or time.monotonic() > end
            assert not late, (folder / "log").read_text()
            time.sleep(0.1)
        yield started
    finally:
        process.terminate()
        process.wait(_SECONDS)
        shutil.rmtree(folder)
