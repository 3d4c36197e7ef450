import contextlib
import socket
import threading

import pytest

from components.gates.judged import model_digest
from components.push.bucket_lease import LEASE, leased
from components.push.bucket_push import push
from components.refusal import GateRefused
from components.storage.buckets import BucketFailed, BucketFolder
from components.storage.files import files_below
from tests.components.push.pushes import LAST, WARMUP, below, killed, push_to_bucket, start, write_model
from tests.shared.services.buckets import BUCKET, emulator

BASE = f"gs://{BUCKET}/serving/taxi"


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model")


def files(model) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files_below(model / "Format-Serving").items()}


def versions(store) -> dict[int, dict[str, bytes]]:
    """All that lies in the serving folder, by version; a killed push leaves its lease."""
    found = {}
    for name, content in store.contents().items():
        if name.endswith(LEASE):
            continue
        number, _, rest = name.removeprefix("serving/taxi/").partition("/")
        found.setdefault(int(number), {})[rest] = content
    return found


def test_a_version_holds_the_model_and_its_last_file_came_last(store, model):
    written = []
    store.watch = written.append
    version, new = push_to_bucket(model, BASE)
    assert new
    assert versions(store) == {version: files(model)}
    assert written == [f"serving/taxi/{name}" for name in (LEASE, f"{version}/variables/data", f"{version}/{LAST}")]


def test_a_file_too_large_for_one_request_is_pushed_whole(store, tmp_path):
    model = write_model(tmp_path / "large", size=9_000_000)
    version, _ = push_to_bucket(model, BASE)
    assert versions(store) == {version: files(model)}


def test_files_other_than_the_judged_ones_are_not_uploaded(store, model):
    with pytest.raises(GateRefused, match="not what the gates judged"):
        push_to_bucket(model, BASE, judged=model_digest(model))
    assert versions(store) == {}
    version, _ = push_to_bucket(model, BASE, judged=model_digest(model / "Format-Serving"))
    assert versions(store) == {version: files(model)}


def test_the_same_model_is_not_pushed_twice(store, model):
    version, _ = push_to_bucket(model, BASE)
    assert push_to_bucket(model, BASE) == (version, False)
    store.plant(f"serving/taxi/{version}/variables/data", b"damaged")
    repaired, new = push_to_bucket(model, BASE)
    assert (new, repaired > version) == (True, True)


def test_where_listings_hold_no_checksums_a_model_is_pushed_once_and_damage_is_seen(store, model):
    store.checksums = False
    version, new = push_to_bucket(model, BASE)
    assert new
    assert versions(store) == {version: files(model)}
    assert push_to_bucket(model, BASE) == (version, False)
    store.plant(f"serving/taxi/{version}/variables/data", b"damaged")
    assert push_to_bucket(model, BASE)[1]


def test_a_warm_up_file_makes_no_other_model(store, model):
    version, _ = push_to_bucket(model, BASE)
    warmup = model / "Format-Serving" / WARMUP
    warmup.parent.mkdir()
    warmup.write_bytes(b"requests")
    assert push_to_bucket(model, BASE) == (version, False)


def test_versions_rise_above_every_one_that_is_there(store, tmp_path):
    pushed = [push_to_bucket(write_model(tmp_path / str(seed), seed=seed), BASE)[0] for seed in range(3)]
    assert pushed == sorted(set(pushed))
    store.plant(f"serving/taxi/9999999999/{LAST}", b"")
    assert push_to_bucket(tmp_path / "2", BASE) == (10_000_000_000, True)


def test_names_that_are_no_versions_and_what_others_began_are_left_alone(store, model):
    others = {
        "serving/taxi/README": b"",
        "serving/taxi/canary/x": b"",
        "serving/taxi/7/half": b"",
        "serving/b/1/x": b"",
    }
    for name, content in others.items():
        store.plant(name, content)
    version, _ = push_to_bucket(model, BASE)
    assert others.items() <= store.contents().items()
    assert len(below(store.contents(), f"serving/taxi/{version}/")) == 2


@pytest.mark.parametrize(
    "before", [*(pytest.param(name, marks=pytest.mark.slow) for name in (LEASE, "variables/data")), LAST]
)
def test_sigkill_before_any_file_leaves_the_former_version_and_the_next_push_clears_up(store, tmp_path, before):
    good, other = write_model(tmp_path / "good"), write_model(tmp_path / "other", seed=1)
    first, _ = push_to_bucket(good, BASE)
    held = threading.Event()

    def kill(name):
        if name.endswith(before):
            process.kill()
            held.set()
            # What a killed client had sent on its way is not written.
            raise ConnectionResetError

    store.watch = kill
    process = start(
        "from pathlib import Path; from tests.components.push.pushes import push_to_bucket; "
        f"push_to_bucket(Path({str(other)!r}), {BASE!r})"
    )
    assert killed(process)
    assert held.is_set()
    store.watch = lambda name: None
    left = versions(store)
    assert left.pop(first) == files(good)
    assert all(LAST not in names for names in left.values())
    assert bool(left) is (before == LAST)
    second, new = push_to_bucket(other, BASE)
    assert new
    assert versions(store) == {first: files(good), second: files(other)}


def test_pushes_at_once_get_versions_of_their_own(store, tmp_path):
    models = [write_model(tmp_path / str(seed), seed=seed) for seed in range(4)]
    threads = [threading.Thread(target=push_to_bucket, args=(model, BASE)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list(versions(store).values())
    assert len(found) == len(models)
    assert all(files(model) in found for model in models)


def test_a_push_that_lasts_longer_than_its_lease_is_waited_for(store, tmp_path):
    slow, other = write_model(tmp_path / "slow"), write_model(tmp_path / "other", seed=1)
    attempts, order, lease_seconds = threading.Semaphore(0), [], 1.5
    waiting = threading.Thread(
        target=push_to_bucket,
        args=(other, BASE),
        kwargs={"then": lambda version, check: order.append("other"), "lease_seconds": lease_seconds},
    )

    def linger(version, check):
        store.watch = lambda name: name.endswith(LEASE) and attempts.release()
        waiting.start()
        # It asks ten times in the life of a lease.
        for _ in range(15):
            assert attempts.acquire(timeout=60)
        order.append("slow")

    push_to_bucket(slow, BASE, then=linger, lease_seconds=lease_seconds)
    waiting.join()
    assert order == ["slow", "other"]
    assert list(versions(store).values()) == [files(slow), files(other)]


def test_a_heartbeat_that_gets_no_answer_leaves_time_for_others(store, monkeypatch):
    """The store is reached, but the heartbeat's connections stall; its client finds the store by the environment."""
    folder, beats = BucketFolder(BASE), threading.Semaphore(0)

    def accept(kept):
        # Ends as soon as the socket is closed.
        with contextlib.suppress(OSError):
            while True:
                kept.append(silent.accept()[0])
                beats.release()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        kept = []
        threading.Thread(target=accept, args=(kept,), daemon=True).start()
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with leased(folder, seconds=1.0) as check:
            # With the patience of other requests, it would be a minute to the second.
            assert all(beats.acquire(timeout=20) for _ in range(3))
            check()
        silent.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def test_two_never_win_the_same_version(store, model):
    def other_was_first(name):
        if name.endswith(LAST):
            store.plant(name, b"theirs")

    store.watch = other_was_first
    with pytest.raises(BucketFailed, match="at the same time; run it again"):
        push_to_bucket(model, BASE)
    [found] = versions(store).values()
    assert found[LAST] == b"theirs"


def test_who_lost_the_lease_makes_no_version(store, model):
    def taken_over(name):
        if name.endswith("data"):
            store.plant(f"serving/taxi/{LEASE}", b"theirs")

    store.watch = taken_over
    with pytest.raises(BucketFailed, match="another one took over"):
        push_to_bucket(model, BASE)
    assert not [name for name in store.contents() if name.endswith(LAST)]
    assert store.contents()[f"serving/taxi/{LEASE}"] == b"theirs"


@pytest.mark.parametrize("checksums", [True, False])
def test_a_version_that_somebody_wrote_to_meanwhile_is_taken_back(store, model, checksums):
    store.checksums = checksums

    def meddle(name):
        if name.endswith(LAST):
            ours = name.replace(LAST, "variables/data")
            # Copies within a bucket take the metadata along.
            store.plant(ours, b"theirs", metadata=store.get_file_obj(BUCKET, ours)["metadata"])

    store.watch = meddle
    with pytest.raises(BucketFailed, match="during the push"):
        push_to_bucket(model, BASE)
    assert not [name for name in store.contents() if name.endswith(LAST)]


def test_an_answer_that_got_lost_is_no_conflict(store, model):
    base, lost = BucketFolder(BASE, retry_seconds=20), "serving/taxi/model"
    store.lost = {lost}
    generation = base.upload("model", model / "Format-Serving" / LAST)
    assert not store.lost
    assert store.contents()[lost] == files(model)[LAST]
    assert base.read("model") == (files(model)[LAST], generation)


def test_a_model_without_its_last_file_is_not_pushed(store, model):
    (model / "Format-Serving" / LAST).unlink()
    with pytest.raises(ValueError, match="include no saved_model.pb"):
        push_to_bucket(model, BASE)
    assert not store.contents()


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (403, "give the service account of the tasks the role roles/storage.objectUser on the bucket models"),
        (404, "there is no bucket models; create it"),
        (503, "check the network, and run it again"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(store, model, status, advice):
    store.fault = status
    with pytest.raises(BucketFailed) as caught:
        BucketFolder(BASE, retry_seconds=0.5).upload("x", model / "Format-Serving" / LAST)
    text = str(caught.value)
    assert text.startswith(f"{BASE}: ")
    assert advice in text
    assert "\n" not in text


def test_a_store_that_does_not_answer_is_given_up(monkeypatch, model):
    with emulator(monkeypatch):
        pass
    with pytest.raises(BucketFailed, match="ConnectionError.*check the network"):
        push(
            files=files_below(model),
            folder=BucketFolder(BASE, retry_seconds=0.5),
            last=f"Format-Serving/{LAST}",
            uncounted=[],
            then=lambda version, check: None,
        )


def test_without_credentials_the_error_says_so(monkeypatch, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(BucketFailed, match="GOOGLE_APPLICATION_CREDENTIALS"):
        BucketFolder(BASE)
