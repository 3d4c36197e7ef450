"""The types of a platform's keys: amounts, places and names; each error shows the form that is expected."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_MEMORY = re.compile(r"[1-9][0-9]*(\.[0-9]+)?(E|P|T|G|M|K|Ei|Pi|Ti|Gi|Mi|Ki)?")
_PARAMETER = re.compile(r"(?P<node>[A-Za-z_][A-Za-z0-9_]*)\.(?P<property>[a-z_][a-z0-9_]*)")
# What the image and the platform have in a container (docs/images.md).
_TAKEN = ("/app", "/venv", "/usr", "/etc", "/home", "/tmp", "/gcs", "/minio", "/s3", "/kfp-launcher")
_NOTHING_BELOW = ("/app", "/venv", "/gcs", "/minio", "/s3")
_SCHEMES = ("gs://", "s3://", "minio://")


def _memory(text: str) -> str:
    if not _MEMORY.fullmatch(text):
        raise ValueError(f"{text!r} is not an amount of memory; write it as 16G or 512Mi")
    return text


def _node_property(text: str) -> str:
    if not _PARAMETER.fullmatch(text):
        raise ValueError(f"{text!r} must be NODE.PROPERTY, such as ExampleGen.input_base")
    return text


def _without_end_slash(text: str) -> str:
    return text.rstrip("/") or "/"


def _object_store(uri: str) -> str:
    if not uri.startswith(_SCHEMES):
        raise ValueError(f"{uri!r} must begin with {', '.join(_SCHEMES[:-1])} or {_SCHEMES[-1]}")
    return uri.rstrip("/")


def _mount(path: str) -> str:
    path = _without_end_slash(path)
    if not path.startswith("/"):
        raise ValueError(f"{path!r} must be an absolute path")
    for taken in _TAKEN:
        below = taken in _NOTHING_BELOW and path.startswith(f"{taken}/")
        if below or f"{taken}/".startswith(f"{path.rstrip('/')}/"):
            raise ValueError(f"{path!r} would hide {taken} of the container; mount it elsewhere, such as /models")
    return path


def _shared(place: str) -> str:
    if not place.startswith(("gs://", "/")):
        raise ValueError(f"{place!r} must be a gs:// folder, or an absolute path inside a mounted volume")
    return _without_end_slash(place)


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"{text!r} must begin with http:// or https://")
    return text.rstrip("/")


Memory = Annotated[str, AfterValidator(_memory)]
NodeProperty = Annotated[str, AfterValidator(_node_property)]
# What the orchestrator itself reads and writes.
ObjectStore = Annotated[str, AfterValidator(_object_store)]
# What the containers read and write by themselves.
SharedPath = Annotated[str, AfterValidator(_shared)]
Host = Annotated[str, AfterValidator(_url)]
Mount = Annotated[str, AfterValidator(_mount)]
