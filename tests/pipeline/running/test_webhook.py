"""The webhook, over real HTTP: what it gets, and that nothing it does says its URL or takes long."""

import contextlib
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from pipeline.config.loading import ConfigError, load
from pipeline.running import webhook

CONTENT = webhook.notice(pipeline="taxi", gate="DataGate", reason="no rows", run="2026-01-01T00:00:00")


class Hook:
    """A server with a settable answer."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.append((self.path, self.headers["Content-Type"], body))
                if self.path.startswith("/slow"):
                    with contextlib.suppress(OSError):
                        self.trickle()
                    return
                self.send_response(int(self.path.strip("/")[:3]) if self.path[1:4].isdigit() else 200)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            do_GET = do_POST  # noqa: N815

            def trickle(self) -> None:
                # Each read is short, and there are many.
                self.wfile.write(b"HTTP/1.0 200 OK\r\n")
                for _ in range(30):
                    self.wfile.write(b"X: y\r\n")
                    self.wfile.flush()
                    time.sleep(0.1)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    hook = Hook()
    Thread(target=hook.server.serve_forever, daemon=True).start()
    yield hook
    hook.server.shutdown()


def test_it_gets_the_notice_at_an_address_with_a_secret(hook, monkeypatch):
    monkeypatch.setenv("HOOK_TOKEN", "hush")
    assert webhook.send(f"{hook.url}/t/${{HOOK_TOKEN}}", CONTENT) is None
    path, kind, body = hook.got[-1]
    assert (path, kind) == ("/t/hush", "application/json")
    found = json.loads(body)
    assert found.pop("time")[:2] == "20"
    assert found == {
        "pipeline": "taxi",
        "gate": "DataGate",
        "reason": "no rows",
        "run": "2026-01-01T00:00:00",
        "text": "taxi: DataGate refused: no rows",
    }


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("{hook}/500", "it answered 500"),
        ("{hook}/302", "it answered 302"),
        ("http://127.0.0.1:1/hush", "ConnectionRefusedError"),
        ("http://[hush/", "ValueError"),
        ("http://127.0.0.1:1/${NOT_SET}", "the environment variable NOT_SET is not set"),
        ("${HOOK_TOKEN}", "with its variables it begins with neither http:// nor https://"),
    ],
)
def test_what_goes_wrong_is_said_without_the_address(hook, monkeypatch, url, problem):
    monkeypatch.setenv("HOOK_TOKEN", "hush")
    before = len(hook.got)
    assert webhook.send(url.replace("{hook}", hook.url), CONTENT) == problem
    # A redirect is not followed.
    assert len(hook.got) <= before + 1


def test_an_answer_that_trickles_is_not_waited_for(hook):
    start = time.monotonic()
    assert webhook.send(f"{hook.url}/slow", CONTENT, seconds=0.5) == "no answer within 0.5 s"
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("url", ["ftp://hush", "https://a/${hush", "https://a/${}hush"])
def test_an_address_of_another_form_is_refused_without_showing_it(taxi_config, url):
    with pytest.raises(ConfigError) as error:
        load(config=taxi_config, profile=None, overrides=[f"notify.webhook={url}"])
    assert "notify.webhook: " in str(error.value)
    assert "hush" not in str(error.value)
