"""Which artifact was made of which: a drawn graph, and paths and digests as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup
from ml_metadata.proto import metadata_store_pb2

from components.storage.files import MANIFEST, digest
from pipeline.records import printing
from pipeline.report.html.plots import folded, table
from pipeline.report.run import ReportedRun

_MANIFEST = "manifest"
_WIDTH, _HEIGHT, _GAP, _ROW = 168, 28, 60, 42


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Lineage"


def body(run: ReportedRun) -> Markup:
    """The section's HTML; empty if nothing was made."""
    if not run.outputs:
        return Markup()
    states = {node.node: node.state for node in run.record.nodes}
    rows = [
        (
            f"{node}.{key}",
            states.get(node, ""),
            _digest(artifact),
            Markup("<code>{}</code>").format(printing.path(artifact.uri)),
            "there" if Path(artifact.uri).exists() else "gone",
        )
        for (node, key), artifact in sorted(run.outputs.items(), key=lambda item: item[1].id)
    ]
    listed = table(("artifact", "made", "digest", "path", "now"), rows, words="Artifacts", left=(0, 1, 2, 3, 4))
    return _graph(_edges(run), list(states)) + folded("Artifacts with paths and digests", listed)


def _digest(artifact: metadata_store_pb2.Artifact) -> str:
    """A hash of the names and hashes of its files, as they were when it was published."""
    if _MANIFEST not in artifact.custom_properties:
        return ""
    text = artifact.custom_properties[_MANIFEST].string_value
    return digest({name: md5 for name, (_, md5) in MANIFEST.validate_json(text).items()})[:16]


def _edges(run: ReportedRun) -> set[tuple[str, str]]:
    """From which node each node got an artifact."""
    made = {artifact.id: node for (node, _), artifact in run.outputs.items()}
    nodes = {execution.id: node for node, execution in run.records.executions(run.context).items()}
    for event in run.records.store.get_events_by_execution_ids(list(nodes)):
        # What a resolver looked up, an earlier run made.
        if event.type == metadata_store_pb2.Event.INTERNAL_OUTPUT:
            made.setdefault(event.artifact_id, nodes[event.execution_id])
    return {
        (made[artifact.id], node)
        for (node, _), artifact in run.inputs.items()
        if artifact.id in made and made[artifact.id] != node
    }


def _graph(edges: set[tuple[str, str]], nodes: Sequence[str]) -> Markup:
    """The nodes by how far they are from the data, left to right, and what they handed on."""
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node] = 1 + max((depth[maker] for maker, taker in edges if taker == node and maker in depth), default=-1)
    columns: dict[int, list[str]] = {}
    for node in nodes:
        columns.setdefault(depth[node], []).append(node)
    place = {
        # Every second column is lower, so that lines do not run behind boxes.
        node: (at * (_WIDTH + _GAP), row * _ROW + at % 2 * _ROW // 2)
        for at, column in columns.items()
        for row, node in enumerate(column)
    }
    width, height = (len(columns)) * (_WIDTH + _GAP) - _GAP, max(map(len, columns.values())) * _ROW + _ROW // 2
    paths = Markup("").join(_path(place, maker, taker) for maker, taker in sorted(edges))
    boxes = Markup("").join(
        Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="5"/><text x="{}" y="{}">{}</text>').format(
            x + 1, y + 1, _WIDTH - 2, _HEIGHT, x + 10, y + 19, node
        )
        for node, (x, y) in place.items()
    )
    words = "Which node handed artifacts to which: " + "; ".join(
        f"{maker} to {taker}" for maker, taker in sorted(edges)
    )
    return Markup(
        '<div class="scroll lineage" role="region" tabindex="0" aria-label="Graph of the nodes"><svg role="img" '
        'aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">{}{}</svg></div>'
    ).format(words, width, height, width, height, paths, boxes)


def _path(place: Mapping[str, tuple[int, int]], maker: str, taker: str) -> Markup:
    (x, y), (to_x, to_y) = place[maker], place[taker]
    x, y, to_y = x + _WIDTH - 1, y + _HEIGHT // 2, to_y + _HEIGHT // 2
    middle = (x + to_x) // 2
    return Markup('<path d="M{} {}C{} {} {} {} {} {}"/>').format(x, y, middle, y, middle, to_y, to_x, to_y)
