"""The platforms that a profile may name under ``platform.kind``: each line of `PLATFORMS` adds one."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.config.platform.kubeflow import Kubeflow  # part: kubeflow
from pipeline.config.platform.platform import Platform
from pipeline.config.platform.vertex import Vertex  # part: vertex

PLATFORMS: tuple[type[Platform], ...] = (
    Vertex,  # part: vertex
    Kubeflow,  # part: kubeflow
)

if TYPE_CHECKING:
    AnyPlatform = Platform
elif len(PLATFORMS) > 1:
    AnyPlatform = Annotated[functools.reduce(operator.or_, PLATFORMS), Field(discriminator="kind")]
else:
    # A discriminator needs two kinds to tell apart.
    AnyPlatform = next(iter(PLATFORMS), Platform)
