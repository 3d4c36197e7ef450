"""The platform of a configuration, which ``python -m kubeflow`` cannot do without."""

from __future__ import annotations

from typing import TypeVar, overload

from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.config.platform.platform import Platform

_Kind = TypeVar("_Kind", bound=Platform)


@overload
def platform_of(config: Config) -> Platform: ...


@overload
def platform_of(config: Config, kind: type[_Kind]) -> _Kind: ...


def platform_of(config: Config, kind: type[Platform] = Platform) -> Platform:
    """The platform that the profile names.

    Args:
        config: the configuration with its profile.
        kind: the class that the caller needs.

    Raises:
        ConfigError: the profile names no platform, or one of another kind.
    """
    if not isinstance(config.platform, kind):
        wanted = "a platform" if kind is Platform else f"the platform {kind.__name__.lower()}"
        raise ConfigError(f"platform: the profile does not name {wanted}; choose another one with --profile.")
    return config.platform


def kind_of(config: Config) -> str:
    """The platform's kind as the profile writes it, such as ``kubeflow``."""
    return platform_of(config).model_dump(include={"kind"})["kind"]
