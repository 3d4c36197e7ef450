"""Does Vertex have the machine and the image that serve?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.profile.images import reference_violation, stock_image, unpinned_image
from kubeflow.lint.vertex import machines
from kubeflow.lint.violation import Violation
from kubeflow.platform import platform_of
from pipeline.config.config import Config
from pipeline.config.platform.endpoint import WithEndpoint

# Google patches these in place, without digests (cloud.google.com/vertex-ai/docs/predictions/pre-built-containers).
_PREBUILT = re.compile(r"[a-z]+-docker\.pkg\.dev/vertex-ai/prediction/[^:@/]+:[\w.-]+")


def machine(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Vertex refuses the deployment, after all gates (.../docs/predictions/configure-compute)."""
    del pipeline
    endpoint = platform_of(config, WithEndpoint).endpoint
    if endpoint:
        yield from machines.violations("platform.endpoint", endpoint.machine_type, endpoint.accelerator)


def image(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A tag can be moved, and TFX's own image does not serve."""
    del pipeline
    endpoint = platform_of(config, WithEndpoint).endpoint
    if endpoint and not _PREBUILT.fullmatch(endpoint.serving_image):
        for rule in (unpinned_image, reference_violation, stock_image):
            yield from rule(endpoint.serving_image, "platform.endpoint.serving_image")


RULES = (machine, image)
