"""What a run did: its nodes, the versions it left, and a refusal that changed nothing."""

from __future__ import annotations

from serving.versions import version_folders
from tests.e2e.projects.project import Outcome, Project

NODES = [
    "ExampleGen",
    "SchemaGen",
    "StatisticsGen",
    "ServedData",
    "ExampleValidator",
    "DataGate",
    "Transform",
    "Trainer",
    "Baseline",
    "Evaluator",
    "ServedEvaluation",
    "ModelGate",
    "InfraValidator",
    "Pusher",
]


def versions(project: Project) -> list[int]:
    return sorted(version_folders.find(project.serving_folder))


def assert_refused(project: Project, outcome: Outcome, *, node: str, reason: str, before: str) -> None:
    """Exit code 3, one line that says why, the same in ML Metadata, and a serving folder as it was, byte for byte."""
    assert outcome.code == 3, outcome.out + outcome.err
    [line] = outcome.err.splitlines()
    assert line.startswith(f"{node} refused: ")
    assert reason in line
    assert outcome.nodes()[node] == "✗"
    assert "Pusher" not in outcome.nodes() or node == "Pusher"
    # A long reason is without its middle here.
    assert line.removeprefix(f"{node} refused: ")[:100] in project.status()
    assert project.served() == before
