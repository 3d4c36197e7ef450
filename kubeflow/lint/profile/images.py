"""Will the containers that start be the ones that were tested?

A node with GPUs in an image without CUDA is not a violation: TensorFlow then trains on the CPU, and nothing fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.forms.images import reference_problem
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import containers
from kubeflow.platform import platform_of
from pipeline.config.config import Config

_PINNED = re.compile(r".+@sha256:[0-9a-f]{64}")
_STOCK = re.compile(r"((docker\.io|index\.docker\.io|gcr\.io)/)?(tensorflow|tfx-oss-public)/tfx([:@].*)?")
# KFP runs these itself; nothing is pulled (backend/src/v2/driver/driver.go, dummyImages).
_NO_IMAGES = {"argostub/createpvc", "argostub/deletepvc"}
_PIN = "write NAME@sha256:..., with the digest that the push printed"


def unpinned(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A tag can be moved: retries and cached nodes would mix two versions of the code.

    The cache's key holds the image's name as it is written (KFP: backend/src/v2/cacheutils/cache.go).
    """
    for image, where in _images(pipeline, config).items():
        if image not in _NO_IMAGES:
            yield from unpinned_image(image, where)


def unpinned_image(image: str, where: str) -> Iterator[Violation]:
    """A violation if ``image`` has no digest; `stock_image` judges TFX's own, the next rule other texts."""
    if image and not reference_problem(image) and not _STOCK.fullmatch(image) and not _PINNED.fullmatch(image):
        yield Violation(where=where, what=f"{image} is not pinned by its digest", fix=_PIN)


def reference(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Kubernetes gives up with InvalidImageName, Vertex refuses the task: "invalid reference format"."""
    for image, where in _images(pipeline, config).items():
        yield from reference_violation(image, where)


def reference_violation(image: str, where: str) -> Iterator[Violation]:
    """A violation if ``image`` is no image reference."""
    found = reference_problem(image) if image and image not in _NO_IMAGES else None
    if found:
        yield Violation(where=where, what=f"{image!r} {found[0]}", fix=found[1])


def missing(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """There would be nothing to start."""
    del config
    for node, container in containers(pipeline):
        if not container.get("image"):
            yield Violation(where=f"{node}.image", what="has no image", fix="set platform.image and compile it again")


def stock(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """TFX's image holds neither this project's components nor its entry point."""
    for image, where in _images(pipeline, config).items():
        yield from stock_image(image, where)


def stock_image(image: str, where: str) -> Iterator[Violation]:
    """A violation if ``image`` is TFX's own."""
    if _STOCK.fullmatch(image):
        what = f"{image} is TFX's own image, without this project"
        yield Violation(where=where, what=what, fix="build the project's own image, and name it in platform.image")


RULES = (unpinned, reference, missing, stock)


def _images(pipeline: CompiledPipeline, config: Config) -> dict[str, str]:
    """Each image with the place that names it: a key of the profile, or else the first task that uses it."""
    platform = platform_of(config)
    named = {"platform.image": platform.image, "platform.gpu_image": platform.gpu_image}
    key, worker_image = config.beam.image_key
    named[key] = worker_image
    found = {image: key for key, image in named.items() if image}
    for node, container in containers(pipeline):
        found.setdefault(container.get("image", ""), f"{node}.image")
    return found
