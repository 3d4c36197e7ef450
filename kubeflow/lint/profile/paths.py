"""Does a task look for a file of the submitting machine?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.profile.storage import FOLDERS, IMAGE_FOLDER, MOUNTED_BUCKETS, below, in_volume, shared_places
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import containers, nodes, strings
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow

# What the image holds of the project; see docs/images.md.
IN_IMAGE = ("configs", "data", "schema", "pipeline", "components", "trainer", "serving", "kubeflow")
_ABSOLUTE = re.compile(r"(file://)?/[\w.@+-]+(/[\w.@+*{}:=-]*)*")
_HOME_OR_ABOVE = re.compile(r"(~|\.\.)/.+")
# People's own files; the image has one such folder.
_HOMES = ("/home", "/Users")
_IN_IMAGES = ("/home/worker",)
# Each container's own folders, or Linux's; see docs/images.md for the image's.
_OWN = (IMAGE_FOLDER, "/tmp", "/var", "/dev", "/etc", "/opt", "/proc", "/run", "/usr", "/venv", *_IN_IMAGES)
_ELSEWHERE = {"DataflowRunner", "TestDataflowRunner"}


def local(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A container sees its image and its mounts, and nothing of the machine that submits.

    Text that looks like a path may be something else: beyond the properties that are folders, only homes are certain.
    """
    for node, path, text in strings(pipeline.spec):
        if _is_in_home(text, config) or (path in FOLDERS and _is_local(text, config)):
            fix = "use a path below the project's folder, gs:// or a volume"
            what = f"{text} is a path of this machine"
            yield Violation(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


def arguments(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The same for the options of Beam that follow TFX's own arguments."""
    for node, container in containers(pipeline):
        for argument in container.get("args", ()):
            flag, _, value = argument.partition("=")
            if flag.startswith("--") and _is_in_home(value, config):
                what, fix = f"{argument} names a path of this machine", "use gs:// or a volume"
                yield Violation(where=f"{node}.args", what=what, fix=fix)


def environment(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The same for environment variables of the containers."""
    for node, container in containers(pipeline):
        for variable in container.get("env", ()):
            if _is_in_home(variable.get("value", ""), config):
                what = f"{variable['value']} is a path of this machine"
                where = f"{node}.env.{variable.get('name', '')}"
                yield Violation(where=where, what=what, fix="use a path of the image, gs:// or a volume")


def outside_image(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A relative path is one in the image, and the image is made of these folders (kubeflow/images)."""
    del config
    for node, path, text in strings(pipeline.spec):
        if path in FOLDERS and _is_relative(text) and PurePosixPath(text).parts[0] not in IN_IMAGE:
            what = f"{text} is not in the image, which holds {', '.join(IN_IMAGE)}"
            fix = "move it there, or use gs:// or a volume"
            yield Violation(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


def not_in_project(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The image is built from the project's folder, in which this command runs."""
    del config
    for node, path, text in strings(pipeline.spec):
        inside = path in FOLDERS and _is_relative(text) and PurePosixPath(text).parts[0] in IN_IMAGE
        if inside and not Path(text).exists():
            what = f"{text} is not in the project's folder, from which the image is built"
            fix = "correct the path, or run this in the project's folder"
            yield Violation(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


def far_from_workers(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Dataflow's workers are other machines, without the files of the task's container.

    Other runners may work in the task's container, or share a volume with it.
    """
    del config
    for node in nodes(pipeline.spec):
        runner = _runner(node.executor.get("container", {}).get("args", ()))
        if runner not in _ELSEWHERE:
            continue
        for other, path, text in strings(pipeline.spec):
            # SchemaGen copies the schema in its own container, without Beam.
            if other == node and path in FOLDERS - {"schema_file"} and "://" not in text:
                what = f"{text} is in the container, and {runner} reads it on other machines"
                fix = "copy it to gs://, or use --runner=FnApiRunner"
                yield Violation(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


RULES = (local, arguments, environment, outside_image, not_in_project, far_from_workers)


def _is_local(text: str, config: Config) -> bool:
    if _HOME_OR_ABOVE.fullmatch(text):
        return True
    if not _ABSOLUTE.fullmatch(text):
        return False
    own = _OWN if isinstance(config.platform, Kubeflow) else (*_OWN, MOUNTED_BUCKETS)
    # The places of the profile have rules of their own (`kubeflow.lint.profile.storage`).
    known = [place for place in shared_places(config).values() if place.startswith("/")]
    return not in_volume(text, config) and not any(below(text, folder) for folder in (*own, *known))


def _is_in_home(text: str, config: Config) -> bool:
    path = text.removeprefix("file://")
    at_home = _HOME_OR_ABOVE.fullmatch(text) or any(below(path, home) and path != home for home in _HOMES)
    return bool(at_home) and _is_local(text, config)


def _is_relative(text: str) -> bool:
    return bool(text.strip()) and "://" not in text and not text.startswith(("/", "~", "..", "file:"))


def _runner(args: tuple[str, ...] | list[str]) -> str | None:
    return next((arg.partition("=")[2] for arg in args if arg.startswith("--runner=")), None)
