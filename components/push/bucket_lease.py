"""Mutual exclusion in a bucket, which has no locks: an object that only one process can create, and a heartbeat."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from components.storage.buckets import BucketFailed, BucketFolder, ObjectChanged

# Model servers ignore names that are not numbers.
LEASE = ".push-lease"
_PATIENCE_SECONDS = 3600.0


@contextmanager
def leased(folder: BucketFolder, *, seconds: float) -> Iterator[Callable[[], None]]:
    """Let one process at a time into the context, across machines.

    The holder touches the lease several times within ``seconds``. A killed holder stops doing so, and the next process
    takes the lease over. No machine's clock is compared with another's.

    Args:
        folder: the folder to lease.
        seconds: lifetime of a lease without a heartbeat, in seconds.

    Yields:
        A check that raises `BucketFailed` if the lease is lost because this process was suspended for too long.

    Raises:
        BucketFailed: another process has held the lease for an hour.
    """
    generation = _acquire(folder, seconds)
    ended = threading.Event()
    # A stalled connection must leave time for another beat: connecting, waiting and retrying take at most half the
    # lease. The thread has its own folder, as the client's connections are not thread-safe.
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
                f"{folder.uri}: this push was suspended and another one took over; run it again."
            ) from None

    try:
        yield check
    finally:
        ended.set()
        heart.join()
        stored = folder.list(LEASE).get(LEASE)
        if stored is not None and stored.generation == generation:
            # Taken over just now: then it is not ours to delete.
            with suppress(ObjectChanged):
                folder.delete(LEASE, stored)


def _acquire(folder: BucketFolder, seconds: float) -> int:
    """Wait for the lease and return its generation."""
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
                f"{folder.uri}: another push has run for {_PATIENCE_SECONDS:g} s; stop it and run this one again."
            )
        time.sleep(seconds / 10)


def _beat(folder: BucketFolder, generation: int, pause: float, ended: threading.Event) -> None:
    while not ended.wait(pause):
        try:
            folder.touch(LEASE, generation=generation)
        except ObjectChanged:
            return
        except BucketFailed:
            # The network may recover in time; if not, the holder's own check fails.
            continue
