"""``python -m pipeline deploy-files``: what docker compose, Kubernetes, KServe and Grafana need, from the config."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from serving.deploy import render
from serving.deploy.options import Plan


def make(config: Config, *, output: Path | None) -> int:
    """Write the files and print their paths; 0.

    Args:
        config: its ``serving`` section says what they hold.
        output: None means ``deploy`` in the run folder.

    Raises:
        ConfigError: the model's name cannot be made a name in Kubernetes.
    """
    folder = output or config.run_folder / "deploy"
    try:
        files = render.render(plan(config))
    except ValueError as error:
        raise ConfigError(f"serving.model_name: {error}; choose another, or set serving.deploy.name.") from None
    kept = render.write(files, folder=folder)
    for path in sorted(folder / name for name in files):
        print(f"{path}: changed by others, stays as it is; delete it to have it made anew" if path in kept else path)
    return 0


def plan(config: Config) -> Plan:
    """The part of the config that the files are made of."""
    return Plan(
        model_name=config.serving.model_name,
        serving_folder=config.serving_folder.parent,
        options=config.serving.deploy,
    )
