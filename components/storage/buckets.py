"""A folder in a Google Cloud Storage bucket: reads, conditional writes, and errors in one line that says what to do.

Needs no TensorFlow. ``STORAGE_EMULATOR_HOST`` points it to an emulator, as the client's documentation has it.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

SCHEME = "gs://"
_WRITER = "writer"
_MD5 = "md5"
_TIMEOUT_SECONDS = (10, 60)
_DENIED = (exceptions.Forbidden, exceptions.Unauthorized, auth_exceptions.RefreshError)
_BROKEN = (
    exceptions.GoogleAPIError,
    auth_exceptions.GoogleAuthError,
    requests.RequestException,
    InvalidResponse,
    DataCorruption,
    ConnectionError,
)


class BucketFailed(Exception):
    """A bucket cannot be used; the text says where, why, and what to do."""


class ObjectChanged(Exception):
    """A write was refused, since somebody else has written or deleted the object meanwhile."""


@dataclass(frozen=True)
class StoredObject:
    """What a listing tells of an object.

    Attributes:
        md5: base64. Where the listing holds none, as in a bucket with a customer-managed key, it is what this class
            noted at the upload, and for others' objects empty.
        generation: another one with every write.
        metageneration: another one with every change of the metadata.
        ours: whether it was written by this class.
    """

    md5: str
    generation: int
    metageneration: int
    ours: bool


class BucketFolder:
    """The objects below a prefix.

    Args:
        uri: ``gs://bucket/folder``.
        retry_seconds: how long a request is tried again while the network or the store fails.
        timeout_seconds: of one try: to connect, and between two answers.

    Raises:
        BucketFailed: there are no credentials.
    """

    def __init__(
        self, uri: str, *, retry_seconds: float = 120.0, timeout_seconds: tuple[float, float] = _TIMEOUT_SECONDS
    ):
        self.uri = uri.rstrip("/")
        self._retry_seconds = retry_seconds
        name, _, folder = self.uri.removeprefix(SCHEME).partition("/")
        self._prefix = f"{folder}/" if folder else ""
        self._options = {"retry": DEFAULT_RETRY.with_timeout(retry_seconds), "timeout": timeout_seconds}
        with self._explained():
            # Without a project: none is needed for objects, and not every credential knows one.
            self._bucket = storage.Client(project=None).bucket(name)

    def child(self, name: str) -> BucketFolder:
        """The folder ``name`` in this one."""
        child = copy.copy(self)
        child.uri, child._prefix = f"{self.uri}/{name}", f"{self._prefix}{name}/"
        return child

    def list(self, prefix: str = "") -> dict[str, StoredObject]:
        """The objects below the folder by their names in it, those whose names begin with ``prefix``."""
        found = {}
        with self._explained():
            for blob in self._bucket.client.list_blobs(
                self._bucket, prefix=self._prefix + prefix, projection="noAcl", **self._options
            ):
                # The console and mounts make empty objects for folders.
                if not blob.name.endswith("/"):
                    metadata = blob.metadata or {}
                    found[blob.name.removeprefix(self._prefix)] = StoredObject(
                        md5=blob.md5_hash or metadata.get(_MD5, ""),
                        generation=blob.generation,
                        metageneration=blob.metageneration,
                        ours=_WRITER in metadata,
                    )
        return found

    def upload(self, name: str, file: Path, *, generation: int = 0) -> int:
        """Write a file, its checksum verified by the store.

        Args:
            name: of the object in this folder.
            file: on disk.
            generation: what the object must be now; 0 means that it must not exist.

        Returns:
            The new generation.

        Raises:
            ObjectChanged: it is another one.
            BucketFailed: it cannot be written.
        """
        return self._put(
            name, generation, md5(file), lambda blob, **options: blob.upload_from_filename(str(file), **options)
        )

    def write(self, name: str, content: bytes, *, generation: int = 0) -> int:
        """As `upload`, from memory."""
        noted = _base64(hashlib.md5(content, usedforsecurity=False).digest())
        return self._put(name, generation, noted, lambda blob, **options: blob.upload_from_string(content, **options))

    def read(self, name: str) -> tuple[bytes, int] | None:
        """An object's content and generation; None where there is none."""
        stored = self.list(name).get(name)
        if stored is None:
            return None
        blob = self._bucket.blob(self._prefix + name, generation=stored.generation)
        with self._explained():
            try:
                return blob.download_as_bytes(**self._options), stored.generation
            except exceptions.NotFound:
                raise ObjectChanged(f"{self.uri}/{name}") from None

    def download(self, name: str, file: Path) -> None:
        """Write an object to ``file``, its checksum verified.

        Raises:
            FileNotFoundError: there is none.
            BucketFailed: it cannot be read.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        with self._explained():
            try:
                self._bucket.blob(self._prefix + name).download_to_filename(str(file), **self._options)
            except exceptions.NotFound:
                raise FileNotFoundError(f"{self.uri}/{name}") from None

    def touch(self, name: str, *, generation: int) -> None:
        """Change the object's metadata, and with it the metageneration.

        Raises:
            ObjectChanged: it is another object now, or none.
        """
        blob = self._bucket.blob(self._prefix + name)
        blob.metadata = {_WRITER: uuid.uuid4().hex}
        with self._explained():
            try:
                blob.patch(if_generation_match=generation, **self._options)
            except exceptions.NotFound:
                raise ObjectChanged(f"{self.uri}/{name}") from None

    def delete(self, name: str, stored: StoredObject) -> None:
        """Delete an object unless it has changed since ``stored``; one that is gone already is no error.

        Raises:
            ObjectChanged: it is another one now.
        """
        with self._explained():
            try:
                self._bucket.blob(self._prefix + name).delete(
                    if_generation_match=stored.generation,
                    if_metageneration_match=stored.metageneration,
                    **self._options,
                )
            except exceptions.NotFound:
                return

    def _put(self, name: str, generation: int, noted: str, upload: Callable[..., None]) -> int:
        blob = self._bucket.blob(self._prefix + name)
        writer = uuid.uuid4().hex
        blob.metadata = {_WRITER: writer, _MD5: noted}
        try:
            with self._explained():
                upload(blob, if_generation_match=generation, checksum="crc32c", **self._options)
        except ObjectChanged:
            with self._explained():
                blob = self._bucket.get_blob(self._prefix + name, **self._options)
            # The answer to a first try may have got lost: then the second one finds its own object.
            if blob is None or (blob.metadata or {}).get(_WRITER) != writer:
                raise
        return blob.generation

    @contextmanager
    def _explained(self) -> Iterator[None]:
        bucket = self.uri.removeprefix(SCHEME).partition("/")[0]
        try:
            yield
        except exceptions.PreconditionFailed:
            raise ObjectChanged(self.uri) from None
        except exceptions.NotFound:
            raise BucketFailed(f"{self.uri}: there is no bucket {bucket}; create it, or name another one.") from None
        except auth_exceptions.DefaultCredentialsError:
            raise BucketFailed(
                f"{self.uri}: there are no Google credentials; run as a service account, or set "
                "GOOGLE_APPLICATION_CREDENTIALS to a key's file."
            ) from None
        except _DENIED as error:
            raise BucketFailed(
                f"{self.uri}: permission denied ({_reason(error)}); give the service account of the tasks the role "
                f"roles/storage.objectUser on the bucket {bucket}."
            ) from None
        except _BROKEN as error:
            raise BucketFailed(
                f"{self.uri}: the bucket failed, though it was asked for {self._retry_seconds:g} s ({_reason(error)}); "
                "check the network, and run it again."
            ) from None


def md5(file: Path) -> str:
    """A file's MD5 as the store writes it."""
    total = hashlib.md5(usedforsecurity=False)
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            total.update(block)
    return _base64(total.digest())


def files_below(folder: Path) -> dict[str, Path]:
    """All files below ``folder`` by their names in it."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """The MD5 of each."""
    return {name: md5(file) for name, file in files.items()}


def digest(md5s: Mapping[str, str]) -> str:
    """One hash of all names and contents, from what `hashes` yields."""
    return hashlib.sha256(json.dumps(md5s, sort_keys=True).encode()).hexdigest()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _reason(error: Exception) -> str:
    """What the store says, without the request's address and body."""
    if isinstance(error, exceptions.RetryError):
        return f"{error.message}, at last with {type(error.cause).__name__}"
    try:
        return error.response.json()["error"]["message"]
    except (AttributeError, ValueError, KeyError, TypeError):
        return str(error).splitlines()[0]
