"""A folder in a Google Cloud Storage bucket: reads, conditional writes, and errors in one line with the remedy.

Needs no TensorFlow. ``STORAGE_EMULATOR_HOST`` redirects it to an emulator, as in the client's documentation.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from components.storage.files import md5, md5_of

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
    """A write was refused: another process has written or deleted the object in the meantime."""


@dataclass(frozen=True)
class StoredObject:
    """An object in a listing.

    Attributes:
        md5: MD5 in base64. If the listing has none, as in a bucket with a customer-managed key, it is the hash that
            `BucketFolder` recorded at the upload; empty for objects of others.
        generation: changes with every write.
        metageneration: changes with every change of the metadata.
        ours: whether `BucketFolder` wrote it.
    """

    md5: str
    generation: int
    metageneration: int
    ours: bool


class BucketFolder:
    """The objects below a prefix.

    Args:
        uri: ``gs://bucket/folder``.
        retry_seconds: how long a failing request is retried.
        timeout_seconds: limits of one attempt: to connect, and between two packets.

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
            # Without a project: objects need none, and not every credential has one.
            self._bucket = storage.Client(project=None).bucket(name)

    def child(self, name: str) -> BucketFolder:
        """The folder ``name`` in this one."""
        child = copy.copy(self)
        child.uri, child._prefix = f"{self.uri}/{name}", f"{self._prefix}{name}/"
        return child

    def list(self, prefix: str = "") -> dict[str, StoredObject]:
        """The objects below the folder, by name, whose names begin with ``prefix``."""
        found = {}
        with self._explained():
            for blob in self._bucket.client.list_blobs(
                self._bucket, prefix=self._prefix + prefix, projection="noAcl", **self._options
            ):
                # The console and mounts create empty objects for folders.
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
        """Upload a file; the store verifies its checksum.

        Args:
            name: name of the object in this folder.
            file: file on disk.
            generation: generation that the object must have now; 0 if it must not exist.

        Returns:
            The new generation.

        Raises:
            ObjectChanged: the object has another generation.
            BucketFailed: the object cannot be written.
        """
        return self._put(
            name, generation, md5(file), lambda blob, **options: blob.upload_from_filename(str(file), **options)
        )

    def write(self, name: str, content: bytes, *, generation: int = 0) -> int:
        """Like `upload`, from memory."""
        noted = md5_of(content)
        return self._put(name, generation, noted, lambda blob, **options: blob.upload_from_string(content, **options))

    def read(self, name: str) -> tuple[bytes, int] | None:
        """The content and generation of an object; None if there is no such object."""
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
        """Download an object to ``file``, and verify its checksum.

        Raises:
            FileNotFoundError: there is no such object.
            BucketFailed: the object cannot be read.
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
            ObjectChanged: the object was replaced or deleted.
        """
        blob = self._bucket.blob(self._prefix + name)
        blob.metadata = {_WRITER: uuid.uuid4().hex}
        with self._explained():
            try:
                blob.patch(if_generation_match=generation, **self._options)
            except exceptions.NotFound:
                raise ObjectChanged(f"{self.uri}/{name}") from None

    def delete(self, name: str, stored: StoredObject) -> None:
        """Delete an object unless it has changed since ``stored``; a missing object is not an error.

        Raises:
            ObjectChanged: the object has changed.
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
            # If the answer to the first attempt was lost, the second one finds its own object.
            if blob is None or (blob.metadata or {}).get(_WRITER) != writer:
                raise
        # The store sets it with every write.
        return cast(int, blob.generation)

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
                "GOOGLE_APPLICATION_CREDENTIALS to a key file."
            ) from None
        except _DENIED as error:
            raise BucketFailed(
                f"{self.uri}: permission denied ({_reason(error)}); give the service account of the tasks the role "
                f"roles/storage.objectUser on the bucket {bucket}."
            ) from None
        except _BROKEN as error:
            raise BucketFailed(
                f"{self.uri}: the bucket failed, in spite of retries for {self._retry_seconds:g} s ({_reason(error)}); "
                "check the network, and run it again."
            ) from None


def _reason(error: Exception) -> str:
    """The store's message, without the address and body of the request."""
    if isinstance(error, exceptions.RetryError):
        return f"{error.message}, last error {type(error.cause).__name__}"
    try:
        return getattr(error, "response").json()["error"]["message"]  # noqa: B009
    except (AttributeError, ValueError, KeyError, TypeError):
        return str(error).splitlines()[0]
