"""A compiled pipeline as plain data: the PipelineSpec, and on Kubernetes the platform spec beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Tree = dict[str, Any]

# TFX moves the tasks of a pipeline with an exit handler to a component of this name.
INNER_DAG = "tfx-dag"


class UnreadableIR(Exception):
    """A file that holds no compiled pipeline; one line: which file, and what is wrong."""


@dataclass(frozen=True, kw_only=True)
class CompiledPipeline:
    """A pipeline as a backend takes it.

    Attributes:
        spec: PipelineSpec 2.1, with the JSON names of the protobuf.
        platform_spec: settings for Kubernetes (``platforms.kubernetes``); None on other platforms.
    """

    spec: Tree
    platform_spec: Tree | None = None

    def tasks(self) -> Mapping[str, Tree]:
        """The tasks of the pipeline's own DAG by node id, without the exit handler."""
        inner = self.spec["components"].get(INNER_DAG)
        return (inner or self.spec["root"])["dag"]["tasks"]

    def task(self, node: str) -> Tree:
        """The task of ``node``, which may be the exit handler."""
        return self.tasks().get(node) or self.spec["root"]["dag"]["tasks"][node]

    def exit_handler(self) -> str | None:
        """The node id of the exit handler; None if there is none."""
        if INNER_DAG not in self.spec["components"]:
            return None
        return next(name for name in self.spec["root"]["dag"]["tasks"] if name != INNER_DAG)

    def executor(self, node: str) -> Tree:
        """The executor of ``node``: one of ``container``, ``importer``, ``resolver`` and ``customJob``."""
        label = self.spec["components"][node]["executorLabel"]
        return self.spec["deploymentSpec"]["executors"][label]

    def containers(self) -> Iterator[tuple[str, Tree]]:
        """Node ids with their container specs, including the exit handler's."""
        for node, component in self.spec["components"].items():
            if "executorLabel" not in component:
                continue
            container = self.executor(node).get("container")
            if container is not None:
                yield node, container

    def to_yaml(self) -> str:
        """One YAML document, or two with a platform spec; equal pipelines give equal texts."""
        documents = [self.spec, *([self.platform_spec] if self.platform_spec else [])]
        return yaml.dump_all(documents, Dumper=_Plain, sort_keys=True, width=120)


class _Plain(yaml.SafeDumper):
    """Writes repeated values in full: not every reader knows anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def read(path: Path) -> CompiledPipeline:
    """Read a file of `CompiledPipeline.to_yaml`, or of another compiler.

    Raises:
        UnreadableIR: the file cannot be read or holds no PipelineSpec.
    """
    try:
        documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
    except OSError as error:
        raise UnreadableIR(f"{path}: cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnreadableIR(f"{path}: is not valid YAML ({getattr(error, 'problem', error)}).") from None
    if not documents or not all(isinstance(document, dict) for document in documents):
        raise UnreadableIR(f"{path}: holds no PipelineSpec; make one with `python -m kubeflow compile`.")
    spec = documents[0]
    missing = [key for key in ("pipelineInfo", "root", "components", "deploymentSpec") if key not in spec]
    if missing:
        raise UnreadableIR(f"{path}: {missing[0]} is missing, so it is not a PipelineSpec (of schema 2.0 or 2.1).")
    return CompiledPipeline(spec=spec, platform_spec=documents[1] if len(documents) > 1 else None)
