"""The shipped configuration with changes."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.config import Config
from pipeline.config.loading import load


def load_taxi(taxi_config: Path, *overrides: str) -> Config:
    return load(config=taxi_config, profile="local", overrides=overrides)
