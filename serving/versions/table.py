"""What ``list`` prints: the versions of a model on disk and on one server."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from serving.versions import models_config
from serving.versions.rollout import ReportedState, Server

_ERROR_WIDTH = 100


def document(config: Any, model: str, server: Server) -> dict[str, Any]:
    """What `table` shows, for programs."""
    wanted, on_disk, states, pointed, versions = _seen(config, model, server)
    found = [
        {
            "version": version,
            "on_disk": None if on_disk is None else version in on_disk,
            "state": states[version].state if version in states else None,
            "labels": sorted(name for name, number in pointed.items() if number == version),
            "labels_in_file": sorted(name for name, number in wanted.items() if number == version),
            "error": states[version].error if version in states else "",
        }
        for version in versions
    ]
    return {"target": server.target, "versions": found}


def table(config: Any, model: str, server: Server) -> list[str]:
    """One line per version: whether it is on disk, its state and labels on one server, its load error."""
    wanted, on_disk, states, pointed, versions = _seen(config, model, server)
    rows = [("version", "disk", "state", "labels", "error")]
    rows += [_row(version, on_disk, states.get(version), pointed) for version in versions]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    ]
    return [line.rstrip() for line in lines] + [
        f"the file has label {name} at {number}, the server has {pointed.get(name, 'no such label')}"
        for name, number in sorted(wanted.items())
        if pointed.get(name) != number
    ]


def _seen(
    config: Any, model: str, server: Server
) -> tuple[Mapping[str, int], Collection[int] | None, Mapping[int, ReportedState], Mapping[str, int], list[int]]:
    """Labels of the file, versions on disk, states and labels of the server, and all versions, the newest first."""
    wanted = models_config.labels(config, model)
    on_disk = models_config.versions_on_disk(Path(models_config.entry(config, model).base_path))
    states, pointed = server.states(model), server.labels(model, wanted)
    return wanted, on_disk, states, pointed, sorted({*(on_disk or ()), *states, *wanted.values()}, reverse=True)


def _row(
    version: int, on_disk: Collection[int] | None, state: ReportedState | None, pointed: Mapping[str, int]
) -> tuple[str, str, str, str, str]:
    return (
        str(version),
        "?" if on_disk is None else "yes" if version in on_disk else "no",
        state.state if state else "-",
        ",".join(sorted(name for name, number in pointed.items() if number == version)) or "-",
        _shortened(state.error) if state else "",
    )


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _ERROR_WIDTH else f"{line[: _ERROR_WIDTH - 3]}..."
