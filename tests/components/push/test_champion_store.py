import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from components.push import champion_store
from components.push.bucket_lease import LEASE
from components.push.champion_store import POINTER, ChampionUnreadable, keep, restore
from components.storage.buckets import BucketFailed, ObjectChanged
from tests.components.push.champions import BASE, CHAMPION, InBucket, InVolume, contents, copies
from tests.components.push.pushes import killed, push_to_bucket, start


def restored(champion, tmp_path) -> tuple[int | None, dict[str, bytes]]:
    """The version and what was copied, into a folder where another attempt has left something."""
    destination = tmp_path / "output"
    (destination / "half").mkdir(parents=True, exist_ok=True)
    (destination / "half" / "file").write_bytes(b"")
    version = restore(folder=champion.place, destination=destination)
    return version, contents(destination)


def test_the_whole_artifact_comes_back(champion, models, tmp_path):
    keep(model=models[5], version=5, folder=champion.place)
    assert restored(champion, tmp_path) == (5, contents(models[5]))
    assert set(contents(models[5])) == {
        "Format-Keras/model.keras",
        "Format-Serving/saved_model.pb",
        "Format-Serving/variables/data",
    }


def test_this_one_and_the_one_before_are_kept(champion, models, tmp_path):
    for version, model in models.items():
        keep(model=model, version=version, folder=champion.place)
    assert copies(champion) == {"6", "7"}
    pointer = json.loads(champion.files()[POINTER])
    assert (pointer["version"], pointer["files"], pointer["previous"]["version"]) == (7, 3, 6)
    assert restored(champion, tmp_path) == (7, contents(models[7]))


def test_the_same_champion_again_changes_nothing(champion, models):
    keep(model=models[5], version=5, folder=champion.place)
    keep(model=models[6], version=6, folder=champion.place)
    before = champion.files()
    keep(model=models[6], version=6, folder=champion.place)
    assert champion.files() == before


def test_a_version_that_was_rolled_back_to_is_the_champion(champion, models, tmp_path):
    for version in (5, 6, 5):
        keep(model=models[version], version=version, folder=champion.place)
    assert restored(champion, tmp_path) == (5, contents(models[5]))
    champion.remove("5/Format-Serving/saved_model.pb")
    assert restored(champion, tmp_path) == (6, contents(models[6]))


@pytest.mark.parametrize("spoilt", ["spoil", "remove"])
def test_in_the_place_of_a_damaged_copy_comes_the_one_before_with_a_warning(champion, models, tmp_path, caplog, spoilt):
    for version in (5, 6):
        keep(model=models[version], version=version, folder=champion.place)
    getattr(champion, spoilt)("6/Format-Keras/model.keras")
    with caplog.at_level(logging.WARNING):
        assert restored(champion, tmp_path) == (5, contents(models[5]))
    assert "6 differs from what was pushed" in caplog.text
    getattr(champion, spoilt)("5/Format-Serving/variables/data")
    with pytest.raises(ChampionUnreadable, match="neither model 6 nor the previous one is complete"):
        restored(champion, tmp_path)
    assert contents(tmp_path / "output") == {}
    keep(model=models[6], version=6, folder=champion.place)
    assert restored(champion, tmp_path) == (6, contents(models[6]))


def test_a_file_too_many_is_damage(champion, models, tmp_path):
    keep(model=models[5], version=5, folder=champion.place)
    champion.spoil("5/Format-Serving/assets/more")
    with pytest.raises(ChampionUnreadable, match="model 5"):
        restored(champion, tmp_path)


def test_before_the_first_push_there_is_no_champion(champion, tmp_path):
    assert restored(champion, tmp_path) == (None, {})
    assert (tmp_path / "output").is_dir()


@pytest.mark.parametrize("content", [b"spoilt", b"", b'{"version": "five"}'])
def test_a_pointer_that_cannot_be_read_is_an_error_and_the_next_push_repairs_it(
    champion, models, tmp_path, caplog, content
):
    for version in (5, 6):
        keep(model=models[version], version=version, folder=champion.place)
    champion.spoil(POINTER, content)
    with pytest.raises(ChampionUnreadable, match="cannot be read .*baseline=none .*for one run, or delete .*json"):
        restored(champion, tmp_path)
    keep(model=models[7], version=7, folder=champion.place)
    assert "cannot be read" in caplog.text
    assert restored(champion, tmp_path) == (7, contents(models[7]))
    assert copies(champion) == {"5", "6", "7"}
    keep(model=models[6], version=6, folder=champion.place)
    assert copies(champion) == {"6", "7"}


def test_a_pointer_that_was_deleted_is_a_new_beginning(champion, models, tmp_path):
    keep(model=models[5], version=5, folder=champion.place)
    champion.remove(POINTER)
    assert restored(champion, tmp_path) == (None, {})


def test_a_pointer_of_a_newer_release_is_read(champion, models, tmp_path):
    for version in (5, 6):
        keep(model=models[version], version=version, folder=champion.place)
    pointer = json.loads(champion.files()[POINTER])
    pointer["pushed_by"] = pointer["previous"]["pushed_by"] = "run-7"
    champion.spoil(POINTER, json.dumps(pointer).encode())
    assert restored(champion, tmp_path) == (6, contents(models[6]))
    keep(model=models[7], version=7, folder=champion.place)
    assert copies(champion) == {"6", "7"}


def test_pushes_between_the_pointer_and_its_copy_are_followed(champion, models, tmp_path, monkeypatch):
    keep(model=models[5], version=5, folder=champion.place)
    fetch = champion_store._fetch

    def pushed_meanwhile(*arguments):
        monkeypatch.setattr(champion_store, "_fetch", fetch)
        for version in (6, 7):
            keep(model=models[version], version=version, folder=champion.place)
        return fetch(*arguments)

    monkeypatch.setattr(champion_store, "_fetch", pushed_meanwhile)
    assert restored(champion, tmp_path) == (7, contents(models[7]))


def test_a_pointer_that_somebody_else_moved_is_not_moved_back(store, models):
    champion = InBucket(store)
    keep(model=models[5], version=5, folder=champion.place)

    def moved(name):
        if name.endswith("6/Format-Serving/saved_model.pb"):
            champion.spoil(POINTER)

    store.watch = moved
    with pytest.raises(ObjectChanged):
        keep(model=models[6], version=6, folder=champion.place)
    assert champion.files()[POINTER] == b"spoilt"


def overtake(store, *, before: str) -> None:
    """Another push takes the lease when a file of the champion is about to be written."""

    def watch(name):
        if name.startswith("state/") and name.endswith(before):
            store.plant(f"serving/taxi/{LEASE}", b"theirs")

    store.watch = watch


def test_a_push_that_another_one_overtook_before_the_copy_writes_nothing(store, models):
    champion = InBucket(store)
    for version in (5, 6):
        keep(model=models[version], version=version, folder=CHAMPION)
    before = champion.files()

    def overtaken(version, check):
        store.plant(f"serving/taxi/{LEASE}", b"theirs")
        _keep(models[7], version, check)

    with pytest.raises(BucketFailed, match="another one took over"):
        push_to_bucket(models[7], BASE, then=overtaken)
    assert champion.files() == before


@pytest.mark.parametrize(("moment", "crowned"), [("saved_model.pb", 6), (POINTER, 7)])
def test_a_push_that_another_one_overtook_moves_no_pointer_and_removes_nothing(store, models, moment, crowned):
    champion = InBucket(store)
    for version in (5, 6):
        keep(model=models[version], version=version, folder=CHAMPION)
    overtake(store, before=moment)
    with pytest.raises(BucketFailed, match="another one took over"):
        push_to_bucket(models[7], BASE, then=lambda version, check: _keep(models[7], 7, check))
    assert copies(champion) == {"5", "6", "7"}
    assert json.loads(champion.files()[POINTER])["version"] == crowned


@pytest.mark.parametrize("checksums", [True, False])
def test_a_champion_is_kept_once_whatever_listings_hold(store, models, checksums):
    store.checksums, champion = checksums, InBucket(store)
    keep(model=models[5], version=5, folder=CHAMPION)
    written = []
    store.watch = written.append
    keep(model=models[5], version=5, folder=CHAMPION)
    assert written == []
    champion.spoil("5/Format-Keras/model.keras")
    keep(model=models[5], version=5, folder=CHAMPION)
    assert champion.files()["5/Format-Keras/model.keras"] == contents(models[5])["Format-Keras/model.keras"]


def test_a_bucket_that_cannot_be_read_is_no_first_run(store, models, tmp_path):
    champion = InBucket(store)
    keep(model=models[5], version=5, folder=champion.place)
    store.fault = 403
    with pytest.raises(BucketFailed, match="permission denied"):
        restore(folder=champion.place, destination=tmp_path / "output")
    store.fault = None
    with pytest.raises(BucketFailed, match="no bucket"):
        restore(folder="gs://none/champion", destination=tmp_path / "output")


@pytest.mark.parametrize(
    "before", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("model.keras", "saved_model.pb")), POINTER]
)
def test_sigkill_between_push_and_pointer_leaves_the_old_champion_and_the_next_push_repairs(
    store, models, tmp_path, before
):
    champion, held = InBucket(store), threading.Event()
    old, _ = push_to_bucket(models[5], BASE, then=lambda version, check: _keep(models[5], version, check))

    def kill(name):
        if name.startswith("state/") and name.endswith(before):
            process.kill()
            held.set()
            raise ConnectionResetError

    store.watch = kill
    process = start(
        "from pathlib import Path; from tests.components.push.test_champion_store import push_and_keep; "
        f"push_and_keep(Path({str(models[6])!r}))"
    )
    assert killed(process)
    assert held.is_set()
    store.watch = lambda name: None
    assert restored(champion, tmp_path) == (old, contents(models[5]))
    version, new = push_and_keep(models[6])
    assert not new
    assert restored(champion, tmp_path) == (version, contents(models[6]))
    assert copies(champion) == {str(old), str(version)}


# In the copy, after its renaming, before that of the pointer, and after it.
@pytest.mark.parametrize(
    ("step", "left"), [*(pytest.param(step, 5, marks=pytest.mark.slow) for step in (4, 8)), (9, 5), (10, 6)]
)
def test_sigkill_at_any_step_in_a_volume_leaves_a_champion(models, tmp_path, step, left):
    champion = InVolume(tmp_path / "champion")
    keep(model=models[5], version=5, folder=champion.place)
    code = (
        "import itertools, os, signal\n"
        "from pathlib import Path\n"
        "from components.push import champion_store\n"
        "from components.storage import shared_folders\n"
        "count, sync = itertools.count(1), shared_folders.sync\n"
        "def kill(path):\n"
        f"    if next(count) == {step}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    sync(path)\n"
        "shared_folders.sync = kill\n"
        f"champion_store.keep(model=Path({str(models[6])!r}), version=6, folder={champion.place!r})\n"
    )
    assert killed(start(code))
    assert restored(champion, tmp_path) == (left, contents(models[left]))
    keep(model=models[6], version=6, folder=champion.place)
    assert restored(champion, tmp_path) == (6, contents(models[6]))
    assert copies(champion) == {"5", "6"}


def _keep(model: Path, version: int, check: Callable[[], None]) -> None:
    keep(model=model, version=version, folder=CHAMPION, check=check)


def push_and_keep(model: Path) -> tuple[int, bool]:
    return push_to_bucket(model, BASE, then=lambda version, check: _keep(model, version, check))
