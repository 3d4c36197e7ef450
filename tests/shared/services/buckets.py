"""An object store on this machine: the emulator from PyPI, with the preconditions that it lacks."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from urllib.parse import parse_qs, urlparse

import pytest
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import buckets, objects
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

BUCKET = "models"


class _Refused(Exception):
    """The request gets this HTTP status."""


class Store(Storage):
    """Objects in memory. The server takes one request at a time, so each is atomic.

    Attributes:
        watch: is called with the name of every object that is about to be written.
        fault: an HTTP status that every request gets instead of its answer.
        checksums: whether listings tell them; they do not where the customer keeps the bucket's key.
        lost: names of objects; once each, it is written and its writer told that it failed.
    """

    def __init__(self):
        super().__init__(use_memory_fs=True)
        self.query: dict[str, list[str]] = {}
        self.watch: Callable[[str], None] = lambda name: None
        self.fault: int | None = None
        self.checksums = True
        self.lost: set[str] = set()
        self._sessions: dict[str, dict[str, list[str]]] = {}

    def contents(self) -> dict[str, bytes]:
        """All objects of the bucket."""
        return {name: self.get_file(BUCKET, name) for name in self.objects.get(BUCKET, {})}

    def plant(self, name: str, content: bytes, *, metadata: dict[str, str] | None = None) -> None:
        """Write an object as somebody else would."""
        resource = objects._make_object_resource("", BUCKET, name, "application/octet-stream", str(len(content)))
        resource["metadata"] = metadata or {}
        super().create_file(BUCKET, name, content, objects._checksums(content, resource))

    def create_file(self, bucket_name, file_name, content, file_obj, file_id=None):
        self.watch(file_name)
        self._check(bucket_name, file_name, self._sessions.pop(file_id, self.query))
        super().create_file(bucket_name, file_name, content, file_obj, file_id)
        if file_name in self.lost:
            self.lost.remove(file_name)
            raise _Refused(503)

    def create_resumable_upload(self, bucket_name, file_name, file_obj):
        self._check(bucket_name, file_name, self.query)
        session = super().create_resumable_upload(bucket_name, file_name, file_obj)
        self._sessions[session] = self.query
        return session

    def delete_file(self, bucket_name, file_name):
        self._check(bucket_name, file_name, self.query)
        super().delete_file(bucket_name, file_name)

    def patch_object(self, bucket_name, file_name, file_obj):
        # The emulator has raised the metageneration in place.
        self._check(bucket_name, file_name, self.query)
        super().patch_object(bucket_name, file_name, file_obj)

    def get_file_list(self, *arguments, **options):
        files, prefixes = super().get_file_list(*arguments, **options)
        hidden = () if self.checksums else ("md5Hash", "crc32c")
        return [{key: file[key] for key in file if key not in hidden} for file in files], prefixes

    def _check(self, bucket: str, name: str, query: dict[str, list[str]]) -> None:
        try:
            stored = self.get_file_obj(bucket, name)
        except NotFound:
            stored = {"generation": "0", "metageneration": "0"}
        for key in ("generation", "metageneration"):
            for wanted in query.get(f"if{key.capitalize()}Match", ()):
                if wanted != stored[key]:
                    raise _Refused(412)


class _Handler(RequestHandler):
    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except _Refused as refusal:
            self.send_error(*refusal.args)

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        self.storage.query = parse_qs(urlparse(self.path).query)
        if self.storage.fault:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_error(self.storage.fault)
            return False
        return True


@contextmanager
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with one empty bucket, to which Google's client is pointed, in this process and those it starts."""
    store = Store()
    buckets.create_bucket(BUCKET, store)
    server = HTTPServer(("127.0.0.1", 0), functools.partial(_Handler, store))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
