"""A champion's folder in a bucket and in a volume, to look at and to spoil."""

from pathlib import Path

from components.push.champion_store import POINTER
from components.storage.files import files_below
from tests.components.push.pushes import below
from tests.shared.services.buckets import BUCKET

BASE, CHAMPION = f"gs://{BUCKET}/serving/taxi", f"gs://{BUCKET}/state/taxi/champion"


class InBucket:
    """Looks at the champion's folder, and spoils it."""

    def __init__(self, store):
        self.place, self._store = CHAMPION, store

    def files(self) -> dict[str, bytes]:
        prefix = "state/taxi/champion/"
        return {name.removeprefix(prefix): data for name, data in below(self._store.contents(), prefix).items()}

    def spoil(self, name: str, content: bytes = b"spoilt") -> None:
        self._store.plant(f"state/taxi/champion/{name}", content)

    def remove(self, name: str) -> None:
        self._store.query = {}
        self._store.delete_file(BUCKET, f"state/taxi/champion/{name}")


class InVolume:
    """The same in a folder."""

    def __init__(self, folder: Path):
        self.place, self._folder = str(folder), folder

    def files(self) -> dict[str, bytes]:
        return {name: path.read_bytes() for name, path in files_below(self._folder).items()}

    def spoil(self, name: str, content: bytes = b"spoilt") -> None:
        (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self._folder / name).write_bytes(content)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()


def contents(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files_below(folder).items()}


def copies(champion) -> set[str]:
    return {name.partition("/")[0] for name in champion.files()} - {POINTER}
