"""A new version in a bucket, which model servers see completely or not at all.

An object store has no rename, and readers see a version as soon as it has one object. So the file that a reader opens
first is uploaded last: TF Serving fails to load a version without ``saved_model.pb``, retries, and keeps serving the
previous one meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from components.push.bucket_lease import leased
from components.refusal import GateRefused
from components.storage.buckets import BucketFailed, BucketFolder, ObjectChanged, StoredObject
from components.storage.files import digest, hashes
from serving.versions import version_folders

Objects = dict[str, StoredObject]
CHANGED = "the export is not what the gates judged: its files have changed since; run it again to retrain it"


def push(
    *,
    files: Mapping[str, Path],
    folder: BucketFolder,
    last: str,
    uncounted: Collection[str],
    then: Callable[[int, Callable[[], None]], None],
    judged: str | None = None,
    lease_seconds: float = 30.0,
) -> tuple[int, bool]:
    """Upload ``files`` as a new, higher version, ``last`` last.

    A kill at any point leaves earlier versions untouched and at most a version without ``last``, which the next push
    removes.

    Args:
        files: the files to upload, by their names in the version.
        folder: the serving folder, with a child per version.
        last: name of the file that completes a version.
        uncounted: names of files that do not make another model.
        then: called with the version before another push can begin, and with a check to call before each write, which
            raises `BucketFailed` if another push has begun nevertheless.
        judged: digest that the counted files must have (`components.gates.judged`); None: any.
        lease_seconds: seconds until the next push takes over from one that was killed.

    Returns:
        The version, and whether it is new: a model equal to the newest version is not pushed again.

    Raises:
        ValueError: ``last`` is not among the files.
        GateRefused: the files are not those that were judged; nothing is uploaded.
        BucketFailed: the version cannot be written; earlier versions are unchanged.
    """
    if last not in files:
        raise ValueError(f"the files to push to {folder.uri} include no {last}.")
    ours = hashes(files)
    if judged is not None and digest(_counted(ours, uncounted)) != judged:
        raise GateRefused(CHANGED)
    try:
        with leased(folder, seconds=lease_seconds) as check_lease:
            versions = _versions(folder.list())
            newest = max((number for number, stored in versions.items() if last in stored), default=0)
            _sweep(folder, versions, last=last)
            if newest and _counted(_md5s(versions[newest]), uncounted) == _counted(ours, uncounted):
                version, new = newest, False
            else:
                version, new = max(int(time.time()), max(versions, default=0) + 1), True
                _upload(files, ours, folder.child(str(version)), last=last, check_lease=check_lease)
            then(version, check_lease)
    except ObjectChanged:
        raise BucketFailed(f"{folder.uri}: another process writes to it at the same time; run it again.") from None
    return version, new


def _versions(objects: Objects) -> dict[int, Objects]:
    """The objects of every version by their names in it; a version is named as in a folder."""
    names = sorted({name.partition("/")[0] for name in objects if "/" in name})
    folders = {number: name for name in names if (number := version_folders.number(name)) is not None}
    return {
        number: {
            name.removeprefix(f"{folder}/"): stored for name, stored in objects.items() if name.startswith(f"{folder}/")
        }
        for number, folder in folders.items()
    }


def _sweep(folder: BucketFolder, versions: Mapping[int, Objects], *, last: str) -> None:
    """Remove what killed pushes left; leave versions that other programs began."""
    for number, objects in versions.items():
        if last not in objects and all(stored.ours for stored in objects.values()):
            for name, stored in objects.items():
                folder.delete(f"{number}/{name}", stored)


def _upload(
    files: Mapping[str, Path], md5s: dict[str, str], place: BucketFolder, *, last: str, check_lease: Callable[[], None]
) -> None:
    generations = {}
    for name in sorted(files, key=lambda name: (name == last, name)):
        if name == last:
            check_lease()
        generations[name] = place.upload(name, files[name])
    stored = place.list()
    if _md5s(stored) != md5s or {name: found.generation for name, found in stored.items()} != generations:
        if last in stored:
            place.delete(last, stored[last])
        raise BucketFailed(f"{place.uri}: another process wrote to this version during the push; push it again.")


def _md5s(objects: Objects) -> dict[str, str]:
    return {name: stored.md5 for name, stored in objects.items()}


def _counted(md5s: Mapping[str, str], uncounted: Collection[str]) -> dict[str, str]:
    return {name: md5 for name, md5 in md5s.items() if name not in uncounted}
