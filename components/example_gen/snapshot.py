"""Which files an ExampleGen reads, and what they were like: on a platform, what its cache key knows of the data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx.components.example_gen import utils
from tfx.components.example_gen.input_processor import FileBasedInputProcessor
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from components.example_gen.ingest import paths, reading_of
from components.example_gen.stamps import digest
from components.refusal import GateRefused
from trainer.options import Strict

# The property of an ExampleGen on a platform.
SNAPSHOT = "snapshot"
_INPUT_CONFIG = standard_component_specs.INPUT_CONFIG_KEY
_INPUT_BASE = standard_component_specs.INPUT_BASE_KEY


class Snapshot(Strict):
    """The newest span, and a digest of the files that are read.

    Attributes:
        span: the newest span, as TFX counts; 0 without spans.
        version: its newest version; None without versions.
        patterns: the pattern of each input split, with this span and version in it.
        digest: changes with the names, sizes and modification times (in gs:// the generations) of the files, and of the
            picture files that they name.
    """

    span: int
    version: int | None
    patterns: tuple[str, ...]
    digest: str

    @classmethod
    def taken(cls, exec_properties: Mapping[str, Any]) -> Snapshot:
        """What an ExampleGen with these properties would read now.

        Raises:
            GateRefused: no file matches.
        """
        given = example_gen_pb2.Input()
        proto_utils.json_to_proto(exec_properties[_INPUT_CONFIG], given)
        # As TFX's drivers do.
        processor = FileBasedInputProcessor(exec_properties[_INPUT_BASE], given.splits)
        span, version = processor.resolve_span_and_version()
        patterns = [processor.get_pattern_for_span_version(split.pattern, span, version) for split in given.splits]
        found = cls(span=span, version=version, patterns=tuple(patterns), digest="")
        return found.model_copy(update={"digest": found._digest(exec_properties)})

    def put_into(self, exec_properties: Mapping[str, Any]) -> dict[str, Any]:
        """The properties by which exactly these files are read, whatever has been added since."""
        given = json.loads(exec_properties[_INPUT_CONFIG])
        for split, pattern in zip(given["splits"], self.patterns, strict=True):
            split["pattern"] = pattern
        return {
            **exec_properties,
            _INPUT_CONFIG: json.dumps(given),
            utils.SPAN_PROPERTY_NAME: self.span,
            utils.VERSION_PROPERTY_NAME: self.version,
            utils.FINGERPRINT_PROPERTY_NAME: self.digest,
        }

    def check(self, exec_properties: Mapping[str, Any]) -> None:
        """Compare with the files as they are now; to be called when they have been read.

        Raises:
            GateRefused: they have changed, and would be cached as what they were.
        """
        if self._digest(exec_properties) != self.digest:
            raise GateRefused(
                f"{exec_properties[_INPUT_BASE]}: files of {', '.join(self.patterns)} changed after the node "
                "DataFingerprint had looked at them; submit the run again."
            )

    def _digest(self, exec_properties: Mapping[str, Any]) -> str:
        return digest(paths(self.put_into(exec_properties)), reading_of(exec_properties))
