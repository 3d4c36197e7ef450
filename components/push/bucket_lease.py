"""Mutual exclusion in a bucket, which knows no locks: an object that only one can create, and a heartbeat."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from components.storage.buckets import BucketFailed, BucketFolder, ObjectChanged

# Model servers ignore a name that is no number.
LEASE = ".push-lease"
_PATIENCE_SECONDS = 3600.0


@contextmanager
def leased(folder: BucketFolder, *, seconds: float) -> Iterator[Callable[[], None]]:
    """Only one process at a time is inside, whatever machine it is on.

    Whoever holds the lease touches it several times within ``seconds``. One that was killed stops doing so, and the
    next one takes the lease over. Nobody's clock is compared with anybody else's.

    Args:
        folder: what is leased.
        seconds: how long a lease lives without a heartbeat.

    Yields:
        A function that raises `BucketFailed` where the lease is lost, because this process stood still for so long.

    Raises:
        BucketFailed: another process has held the lease for an hour.
    """
    generation = _acquire(folder, seconds)
    ended = threading.Event()
    # A connection that stalls must leave time for another beat: one lasts half the lease at most, to connect, to wait
    # and to try again. A folder of its own, as the client's connections are not made for two threads.
    part = seconds / 6
    beating = BucketFolder(folder.uri, retry_seconds=part, timeout_seconds=(part, part))
    heart = threading.Thread(target=_beat, args=(beating, generation, part, ended))
    heart.daemon = True
    heart.start()

    def check() -> None:
        try:
            folder.touch(LEASE, generation=generation)
        except ObjectChanged:
            raise BucketFailed(
                f"{folder.uri}: another push took over, as this one stood still; run it again."
            ) from None

    try:
        yield check
    finally:
        ended.set()
        heart.join()
        stored = folder.list(LEASE).get(LEASE)
        if stored is not None and stored.generation == generation:
            # Taken over in this moment: then it is not ours to delete.
            with suppress(ObjectChanged):
                folder.delete(LEASE, stored)


def _acquire(folder: BucketFolder, seconds: float) -> int:
    """The generation of our lease."""
    begin = time.monotonic()
    seen, since = None, begin
    while True:
        with suppress(ObjectChanged):
            return folder.write(LEASE, b"")
        stored, now = folder.list(LEASE).get(LEASE), time.monotonic()
        if stored != seen:
            seen, since = stored, now
        elif seen is not None and now - since > seconds:
            with suppress(ObjectChanged):
                folder.delete(LEASE, seen)
            continue
        if now - begin > _PATIENCE_SECONDS:
            raise BucketFailed(
                f"{folder.uri}: another push has been going on for {_PATIENCE_SECONDS:g} s; end it, and run this one "
                "again."
            )
        time.sleep(seconds / 10)


def _beat(folder: BucketFolder, generation: int, pause: float, ended: threading.Event) -> None:
    while not ended.wait(pause):
        try:
            folder.touch(LEASE, generation=generation)
        except ObjectChanged:
            return
        except BucketFailed:
            # The network may come back in time; if not, the holder's own check tells.
            continue
