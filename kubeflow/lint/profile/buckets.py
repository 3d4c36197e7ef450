"""Can there be such buckets?"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.profile.storage import FOLDERS
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import strings, texts
from kubeflow.platform import platform_of
from pipeline.config.config import Config

_URI = re.compile(r"(?P<scheme>gs|s3|minio)://(?P<bucket>[^/]*)")
_OF_GOOGLE = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
# Amazon's oldest buckets, and MinIO's, may have names that none can get today.
_OF_OTHERS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RESERVED = re.compile(r"g[o0]{2}gle")


def names(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The store answers 400, "Invalid bucket name".

    Sources: cloud.google.com/storage/docs/buckets#naming, and for s3:// and minio://
    docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html.
    """
    seen = set()
    for where, text in _places(pipeline, config):
        found = _URI.match(text)
        if found is None or found[0] in seen:
            continue
        seen.add(found[0])
        if problem := bucket_problem(found["bucket"], scheme=found["scheme"]):
            yield Violation(
                where=where, what=f"{text} is in no possible bucket: {problem}", fix="name one that there is"
            )


RULES = (names,)


def bucket_problem(name: str, *, scheme: str) -> str | None:
    """Why no bucket can have this name; None if one can."""
    if not name:
        return "its name is empty"
    if scheme != "gs":
        fits = _OF_OTHERS.fullmatch(name) and 3 <= len(name) <= 255
        return None if fits else f"{name!r} must have at least 3 letters, digits, '.', '_' and '-', and no others"
    if not _OF_GOOGLE.fullmatch(name):
        return f"{name!r} must have lower-case letters, digits, '-', '_' and '.' only, a letter or digit at both ends"
    return _length_problem(name) or _taken_problem(name)


def _length_problem(name: str) -> str | None:
    if len(name) < 3 or len(name) > 222 or any(not 1 <= len(part) <= 63 for part in name.split(".")):
        return f"{name!r} must have 3 to 63 characters, and with dots 1 to 63 between two of them"
    return None


def _taken_problem(name: str) -> str | None:
    if name.startswith("goog") or _RESERVED.search(name):
        return f"{name!r} begins with goog, or holds a spelling of google"
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return None
    return f"{name!r} is an IP address"


def _places(pipeline: CompiledPipeline, config: Config) -> Iterator[tuple[str, str]]:
    """The profile's keys, then what only the compiled file or a submission names."""
    yield from texts("platform", platform_of(config).model_dump())
    yield from texts("beam", config.beam.model_dump())
    for node, path, text in strings(pipeline.spec):
        if path in FOLDERS:
            yield f"{node.name}.inputs.parameters.{path}", text
