"""The pipeline that all tests of the commands read, and a copy of it for those that change something."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.e2e.projects.project import Project
from tests.pipeline.operate.days import Days, make_runs


@pytest.fixture(scope="session")
def hook() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a webhook, and the bodies that it got."""
    got: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()


@pytest.fixture(scope="session")
def days(tmp_path_factory, hook) -> Days:
    """The pipeline after its runs; tests only read it."""
    project = Project(tmp_path_factory.mktemp("days"))
    address, got = hook
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAYS_WEBHOOK", address)
        said = make_runs(project)
    return Days(project.folder, project.folder / "runs", said, tuple(got))


@pytest.fixture
def copy(days, tmp_path) -> Days:
    """A copy that a test may change."""
    return days.copied(tmp_path)
