"""Cloud Storage: an emulator for the clients, whose files on disk are what FUSE would show."""

from __future__ import annotations

from pathlib import Path

from gcp_storage_emulator.server import create_server
from gcp_storage_emulator.settings import STORAGE_DIR


class CloudStorage:
    """A running emulator with one bucket. Use as a context manager.

    Clients write through it, and their objects are files below ``folder`` at once. Files that a container writes into
    the mount are not listed to the clients; no component of ours writes by the one way and reads by the other.

    Args:
        folder: for its files.
        bucket: the bucket's name.
    """

    def __init__(self, folder: Path, *, bucket: str):
        self._server = create_server("127.0.0.1", 0, data_dir=str(folder), default_bucket=bucket)
        self.folder = folder / STORAGE_DIR

    def __enter__(self) -> CloudStorage:
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What leads the clients here."""
        port = self._server._api._httpd.socket.getsockname()[1]  # noqa: SLF001 (it takes port 0, and tells it nowhere)
        return {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}", "GOOGLE_CLOUD_PROJECT": "my-project"}

    def local(self, uri: str) -> Path:
        """The file or folder of a ``gs://`` URI."""
        return self.folder / uri.removeprefix("gs://")
