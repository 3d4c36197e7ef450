"""``python -m kubeflow flink-files``: the YAML of a Flink cluster with Beam's workers and job server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kubeflow.flink import job_server
from kubeflow.flink.options import JobServerPlan, plan
from kubeflow.flink.session import flink_deployment
from kubeflow.lint.profile.placeholders import unreplaced
from pipeline.config import loading
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError

_MADE = "# Made by `python -m kubeflow flink-files`; docs/beam_kubernetes.md explains it. Its authors never ran it.\n"
_COMMENTS = {
    "cluster.yaml": """\
# The Flink cluster. A pool of Beam's Python workers runs beside each task manager, which finds it on its own
# localhost. The workers' image must hold the code that sends the jobs.
""",
    "job-server.yaml": """\
# Beam's job server: takes jobs from the pipeline's tasks and hands them to the Flink cluster. It keeps them in
# memory: a restart forgets the running jobs.
""",
    "network-policy.yaml": """\
# A worker pool runs the commands of anyone who can reach it, so only its own pod may.
""",
}


def render(given: JobServerPlan) -> dict[str, str]:
    """The content of each file, by name."""
    objects = {
        "cluster.yaml": [flink_deployment(given)],
        "job-server.yaml": [job_server.deployment(given), job_server.service(given)],
        "network-policy.yaml": job_server.network_policies(given),
    }
    return {name: _MADE + _COMMENTS[name] + _yaml(each) for name, each in objects.items()}


def _yaml(objects: Sequence[Mapping[str, Any]]) -> str:
    return yaml.dump_all(objects, Dumper=_Plain, sort_keys=False, width=120, explicit_start=len(objects) > 1)


class _Plain(yaml.SafeDumper):
    """Writes no anchors, which few people can read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this command."""
    parser.add_argument("--output", metavar="FOLDER", type=Path, help="(default: flink in the run folder)")
    parser.add_argument(
        "--cluster", action="append", default=[], metavar="KEY=VALUE", help="option of the cluster; repeatable"
    )


def run(config: Config, options: argparse.Namespace) -> int:
    """Write the files, print their paths, and return the exit code.

    Raises:
        ConfigError: an option is wrong, or the folder cannot be written.
    """
    folder: Path = options.output or config.run_folder / "flink"
    files = render(plan(config, loading.assignments(options.cluster, flag="--cluster")))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)
            print(folder / name)
        for violation in unreplaced(config):
            print(f"{violation.where}: {violation.what}; {violation.fix} before you apply the files.", file=sys.stderr)
    except OSError as error:
        raise ConfigError(f"--output {folder}: cannot be written ({error.strerror}).") from None
    return 0
