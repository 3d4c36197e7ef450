"""``python -m pipeline deploy-files``: what docker compose, Kubernetes, KServe and Grafana need, from the config."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from serving.deploy import render
from serving.deploy.options import DeployPlan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="(default: deploy in the run folder)")


def run(config: Config, options: argparse.Namespace) -> int:
    """Write the files and print their paths; returns 0.

    Raises:
        ConfigError: the model's name cannot be made a name in Kubernetes.
    """
    folder = options.output or config.run_folder / "deploy"
    try:
        files = render.render(plan(config))
    except ValueError as error:
        raise ConfigError(f"serving.model_name: {error}; choose another, or set serving.deploy.name.") from None
    kept = render.write(files, folder=folder)
    for path in sorted(folder / name for name in files):
        print(f"{path}: was edited and stays as it is; delete it to render it again" if path in kept else path)
    return 0


def plan(config: Config) -> DeployPlan:
    """The part of the config that the files are made of."""
    return DeployPlan(
        model_name=config.serving.model_name,
        serving_folder=config.serving_folder.parent,
        options=config.serving.deploy,
    )
