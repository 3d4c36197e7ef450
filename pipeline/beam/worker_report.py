"""What a Beam worker reports about itself, for the probe of an engine, and what is wrong with it.

A worker gets these functions by value, since one that cannot import this project is among what is looked for: nothing
but the standard library may be used here.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata, util
from pathlib import Path
from typing import Any

_DISTRIBUTIONS = ("apache-beam", "tfx", "tensorflow")
# Around a fault in the text of an exception: it comes back inside of several languages' stack traces.
BEGIN, END = "[[worker ", " worker]]"


def report(packages: Iterable[str]) -> dict[str, Any]:
    """Who this process is, and which code it would run; nothing is imported to find out.

    Args:
        packages: top-level packages of the project.
    """
    return {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "versions": {name: _version(name) for name in _DISTRIBUTIONS},
        "sources": {package: _sources(package) for package in packages},
    }


def leave_report(number: int, *, folder: str, token: str, packages: tuple[str, ...], data: str) -> None:
    """Write this worker's report into ``folder``.

    Args:
        number: the element; all elements do the same, and are spread over several workers.
        folder: shared folder with the file ``client``, in which the client has written ``token``.
        token: unique to the probe.
        packages: see `report`.
        data: a file or folder that the pipeline will read.

    Raises:
        OSError: this machine does not see the folder or the data; the text has `BEGIN` and `END`.
    """
    host = socket.gethostname()
    try:
        seen = Path(folder, "client").read_text() == token
    except OSError:
        seen = False
    if not seen:
        raise OSError(f"{BEGIN}on {host} does not see the folder {Path(folder).parent}{END}")
    if not Path(data).exists():
        raise OSError(f"{BEGIN}on {host} does not see the data in {data}{END}")
    made = Path(folder, f"{host}-{os.getpid()}-{number}.tmp")
    try:
        made.write_text(json.dumps(report(packages)))
        made.replace(made.with_suffix(".json"))
    except OSError as error:
        raise OSError(f"{BEGIN}on {host} cannot write to {Path(folder).parent} ({error.strerror}){END}") from error


def faults_of(worker: Mapping[str, Any], *, expected: Mapping[str, Any]) -> Iterator[str]:
    """What a worker lacks, or has in another version than this machine, each with what to do.

    Args:
        worker: its report.
        expected: this machine's.
    """
    who = f"beam: the worker on {worker['host']}"
    if worker["python"] != expected["python"]:
        yield f"{who} has Python {worker['python']}, and this machine {expected['python']}; they must be the same."
    for name, version in expected["versions"].items():
        there = worker["versions"][name]
        if there != version:
            has = f"has {name} {there}" if there else f"lacks {name}"
            yield f"{who} {has}, and this machine has {version}; install the same lock there."
    for package, sources in expected["sources"].items():
        there = worker["sources"][package]
        if there is None:
            yield f"{who} cannot import {package}; put the project's folder on the worker pool's PYTHONPATH."
        elif there != sources:
            names = [name for name in sorted({*there, *sources}) if there.get(name) != sources.get(name)]
            shown = ", ".join(f"{package}/{name}" for name in names[:3])
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield f"{who} has other code than this machine: {shown}{more}; bring it up to date."


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _sources(package: str) -> dict[str, str] | None:
    """A digest of every source file of the package; None where it cannot be imported."""
    try:
        spec = util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = {str(file.relative_to(folder)): file for folder in folders for file in folder.rglob("*.py")}
    if not folders and spec.origin:
        files[Path(spec.origin).name] = Path(spec.origin)
    return {name: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for name, file in sorted(files.items())}
