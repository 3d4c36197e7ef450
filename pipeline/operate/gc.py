"""``python -m pipeline gc``: removes what old runs left; without ``--delete`` it only says what would go."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from ml_metadata.proto import metadata_store_pb2

from pipeline.config.config import Config
from pipeline.records import printing, served
from pipeline.records.garbage import CollectionPlan, Garbage, plan
from pipeline.records.runs import Records, required
from pipeline.running import metadata
from pipeline.running.folder.run_folder import RunFolderBusy, exclusive

_KEEP = 10
# The next push removes such folders, and model servers ignore them.
_STAGE = ".stage-"
_BUSY = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    count = printing.count
    parser.add_argument(
        "--keep", type=count, default=_KEEP, metavar="N", help="newest runs to keep (default: %(default)s)"
    )
    parser.add_argument(
        "--versions",
        type=count,
        metavar="N",
        help="also remove served versions but the newest N and those with a label",
    )
    parser.add_argument("--delete", action="store_true", help="remove it; without this flag nothing changes")
    served.add_models_files(parser)
    printing.add_json(parser)


def run(config: Config, options: argparse.Namespace) -> int:
    """Print what can go, and with ``--delete`` remove it; returns 0, or 1 while a run is under way.

    Raises:
        ConfigError: there is no run, or a file cannot be read.
    """
    required(config)
    files = served.models_files(config, options.model_config_file)
    try:
        with exclusive(config.run_folder):
            records = Records(metadata.open_store(config.metadata_source, writable=options.delete))
            versions = served.versions(config, files)
            found = plan(config, records, versions, keep=options.keep, versions=options.versions)
            if options.delete:
                delete(records, found.garbage)
    except RunFolderBusy as error:
        print(error, file=sys.stderr)
        return _BUSY
    if options.json:
        printing.print_json({**asdict(found), "size": found.size, "deleted": options.delete})
        return 0
    labels = ", ".join(printing.path(path) for path in files) or "no models config file, so no version has one"
    print("\n".join(lines(config, found, deleted=options.delete, labels=labels if options.versions else None)))
    return 0


def delete(records: Records, garbage: Sequence[Garbage]) -> None:
    """Remove it, so that a kill at any point leaves nothing half removed in use.

    A version is renamed before its files go, and an artifact is DELETED in ML Metadata before, where neither the cache
    nor a resolver takes it any more. What a kill leaves on disk is a leftover of the next gc.
    """
    for one in garbage:
        if one.kind == "version":
            hidden = one.path.with_name(f"{_STAGE}{one.path.name}")
            one.path.rename(hidden)
            shutil.rmtree(hidden)
    ids = [one.artifact for one in garbage if one.artifact is not None]
    artifacts = records.store.get_artifacts_by_id(ids) if ids else []
    for artifact in artifacts:
        artifact.state = metadata_store_pb2.Artifact.DELETED
    if artifacts:
        records.store.put_artifacts(artifacts)
    for one in garbage:
        if one.kind != "version":
            # What someone else has removed need not be.
            shutil.rmtree(one.path, ignore_errors=not one.path.exists())


def lines(config: Config, found: CollectionPlan, *, deleted: bool, labels: str | None) -> Iterator[str]:
    """What goes and what stays, line by line."""
    runs, count = _ranges(found.kept_runs), len(found.garbage)
    folders = f"{count} {'folder' if count == 1 else 'folders'}, {printing.size(found.size)}"
    yield f"{config.name}: keeps {found.kept_artifacts} artifacts, all of runs {runs} and what they were made of"
    if labels is not None:
        yield f"keeps the versions {', '.join(map(str, found.kept_versions))}; labels: {labels}"
    yield from printing.columns(
        (one.kind, one.what, printing.size(one.size), printing.path(one.path)) for one in found.garbage
    )
    if not found.garbage:
        yield "nothing to remove"
    elif deleted:
        yield f"removed {folders}"
    else:
        yield f"nothing was removed; --delete removes {folders}"


def _ranges(numbers: Sequence[int]) -> str:
    """Rising numbers, such as ``1, 4-9``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in found)
