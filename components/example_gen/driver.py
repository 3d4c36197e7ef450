"""ExampleGen whose cache key covers all that is read: several spans, and picture files."""

from __future__ import annotations

from typing import Any

from tfx.components.example_gen import utils
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_gen.driver import FileBasedDriver
from tfx.orchestration import data_types

from components.example_gen.ingest import paths, reading_of
from components.example_gen.stamps import digest


class StampedDriver(FileBasedDriver):
    """Finds the newest span as TFX does.

    TFX's own fingerprint knows this span's files alone, and of them sizes and times, but no names: a picture that was
    moved to the folder of another class would be what it was.
    """

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """The properties with the newest span, and a digest of all files that are read.

        Raises:
            GateRefused: tables that name picture files cannot be read.
        """
        resolved = super().resolve_exec_properties(exec_properties, pipeline_info, component_info)
        resolved[utils.FINGERPRINT_PROPERTY_NAME] = digest(paths(resolved), reading_of(resolved))
        return resolved


class StampedExampleGen(FileBasedExampleGen):
    """Reads the newest spans together, or pictures."""

    DRIVER_CLASS = StampedDriver
