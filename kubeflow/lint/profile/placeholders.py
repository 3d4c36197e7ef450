"""Does the profile still hold the template's placeholders?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import containers, texts
from kubeflow.platform import platform_of
from pipeline.config.config import Config

# Those of configs/profiles/; example.com and example.org belong to nobody (RFC 2606).
_PLACEHOLDER = re.compile(
    r"(?<![a-z0-9-])(my-project|my-bucket|my-namespace)(?![a-z0-9-])|([\w-]+\.)?\bexample\.(com|org)\b|sha256:0{64}"
)


def placeholders(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The names in the shipped profiles belong to nobody (configs/profiles/)."""
    del pipeline
    yield from unreplaced(config)


def unreplaced(config: Config) -> Iterator[Violation]:
    """The keys of a profile that are still the template's."""
    beam = texts("beam", config.beam.model_dump())
    for key, text in (*texts("platform", platform_of(config).model_dump()), *beam):
        left = list(dict.fromkeys(_shortened(match[0]) for match in _PLACEHOLDER.finditer(text)))
        if left:
            what = f"still holds the placeholder {' and '.join(left)}"
            yield Violation(where=key, what=what, fix="write your own into the profile")


def images(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A file that was compiled with another profile has the images of that profile."""
    platform = platform_of(config)
    named = (platform.image, platform.gpu_image)
    for node, container in containers(pipeline):
        image = container.get("image", "")
        if image not in named and _PLACEHOLDER.search(image):
            what = f"{_PLACEHOLDER.sub(lambda match: _shortened(match[0]), image)} is a placeholder"
            yield Violation(where=f"{node}.image", what=what, fix="compile it again with your own profile")


RULES = (placeholders, images)


def _shortened(found: str) -> str:
    return "sha256:000..." if found.startswith("sha256:") else found
