"""``python -m kubeflow flink-files``: the YAML of a Flink cluster with Beam's workers and job server."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kubeflow.flink import job_server
from kubeflow.flink.options import Plan, plan
from kubeflow.flink.session import flink_deployment
from kubeflow.lint.profile.placeholders import unreplaced
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError

_MADE = "# Made by `python -m kubeflow flink-files`; docs/beam_kubernetes.md explains it. Never run by its authors.\n"
_COMMENTS = {
    "cluster.yaml": """\
# The Flink cluster. Beside each task manager runs a pool of Beam's Python workers, which it finds on its own
# localhost. The workers' image must hold the code that sends the jobs.
""",
    "job-server.yaml": """\
# Beam's job server: takes jobs from the pipeline's tasks and hands them to the Flink cluster. It keeps them in
# memory: a restart forgets the running ones.
""",
    "network-policy.yaml": """\
# A worker pool runs what it is told to by whoever reaches it: only its own pod may.
""",
}


def make(config: Config, words: Mapping[str, str], *, output: Path | None) -> int:
    """Write the files and print their paths; 0.

    Args:
        config: of a profile with Kubeflow and the FlinkRunner.
        words: options of `kubeflow.flink.options.FlinkCluster`.
        output: None means ``flink`` in the run folder.

    Raises:
        ConfigError: an option is wrong, or the folder cannot be written.
    """
    folder = output or config.run_folder / "flink"
    files = render(plan(config, words))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)
            print(folder / name)
        for finding in unreplaced(config):
            print(f"{finding.where}: {finding.what}; {finding.fix} before you apply the files.", file=sys.stderr)
    except OSError as error:
        raise ConfigError(f"--output {folder}: cannot be written ({error.strerror}).") from None
    return 0


def render(given: Plan) -> dict[str, str]:
    """The content of every file by its name."""
    objects = {
        "cluster.yaml": [flink_deployment(given)],
        "job-server.yaml": [job_server.deployment(given), job_server.service(given)],
        "network-policy.yaml": job_server.network_policies(given),
    }
    return {name: _MADE + _COMMENTS[name] + _yaml(each) for name, each in objects.items()}


def _yaml(objects: Sequence[Mapping[str, Any]]) -> str:
    return yaml.dump_all(objects, Dumper=_Plain, sort_keys=False, width=120, explicit_start=len(objects) > 1)


class _Plain(yaml.SafeDumper):
    """Without anchors, which few people read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
