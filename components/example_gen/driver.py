"""ExampleGen of several spans: its cache key covers the files of all of them."""

from __future__ import annotations

from typing import Any

from tfx.components.example_gen import utils
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_gen.driver import FileBasedDriver
from tfx.orchestration import data_types
from tfx.utils import io_utils

from components.example_gen.ingest import paths


class WindowDriver(FileBasedDriver):
    """Finds the newest span as TFX does; TFX's own fingerprint is that of this span's files only."""

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """The properties with the newest span, and a fingerprint of all files that are read."""
        resolved = super().resolve_exec_properties(exec_properties, pipeline_info, component_info)
        fingerprints = [io_utils.generate_fingerprint(path, path) for files in paths(resolved) for path in files]
        resolved[utils.FINGERPRINT_PROPERTY_NAME] = "\n".join(fingerprints)
        return resolved


class WindowExampleGen(FileBasedExampleGen):
    """Reads the newest spans together."""

    DRIVER_CLASS = WindowDriver
