"""A PostgreSQL server of the test's own, on loopback, in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# With every sign that means something in a URI.
PASSWORD = "p@ss:w/rd#%?&"
_DEBIAN = Path("/usr/lib/postgresql")


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Start a server with a user ``reader`` and `PASSWORD`; yields ``HOST:PORT``. Skips where it is not installed."""
    binaries = next(iter(sorted(_DEBIAN.glob("*/bin"), reverse=True)), None)
    found = shutil.which("initdb") or (binaries and shutil.which("initdb", path=str(binaries)))
    if not found:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    # The server refuses to run as root.
    user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    try:
        (folder / "password").write_text(PASSWORD)
        for path in (folder, folder / "password"):
            shutil.chown(path, user)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]

        def run(tool: str, *words: str) -> None:
            command = [Path(found).with_name(tool), "--pgdata", folder / "data", *words]
            subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=60)

        run("initdb", "--username=reader", "--auth=scram-sha-256", "--pwfile=password", "--encoding=UTF8", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "--log=log", "--wait", f"--options={options}", "start")
        try:
            yield f"127.0.0.1:{port}"
        finally:
            run("pg_ctl", "--mode=immediate", "--wait", "stop")
    finally:
        shutil.rmtree(folder)
