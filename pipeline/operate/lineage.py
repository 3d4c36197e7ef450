"""``python -m pipeline lineage``: what a served version was made of, what judged it, and what serves it."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from components.messages import one_line
from components.pushed_model import MODEL_ID_PROPERTY
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.records import figures, printing, served
from pipeline.records.runs import Outputs, Records, required
from pipeline.records.served import Served
from pipeline.records.why import CODE, cache_key, flattened, properties
from pipeline.running.events import NEVER_CACHED, UNCACHED_PROPERTY

_GATES = ("DataGate", "Evaluator", "ModelGate", "InfraValidator", "Pusher")
_SHOWN = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("version", type=int, nargs="?", metavar="VERSION", help="(default: the newest served)")
    served.add_models_files(parser)
    printing.add_json(parser)


def run(config: Config, options: argparse.Namespace) -> int:
    """Print a version's lineage; returns 0.

    Raises:
        ConfigError: there is no such version, or no run pushed it.
    """
    records = required(config)
    versions = served.versions(config, served.models_files(config, options.model_config_file))
    wanted = options.version if options.version is not None else next((one.version for one in versions), None)
    if wanted is None:
        raise ConfigError(f"nothing is served from {config.serving_folder} yet.")
    found = document(config, records, wanted, versions)
    if options.json:
        printing.print_json(found)
    else:
        print("\n".join(lines(config, found)))
    return 0


def document(config: Config, records: Records, version: int, versions: Sequence[Served]) -> dict[str, Any]:
    """The lineage as one document.

    Raises:
        ConfigError: no run pushed this version.
    """
    pushed = records.pushes()
    context = records.maker(pushed[version]) if version in pushed else None
    if context is None:
        known = ", ".join(map(str, sorted(pushed, reverse=True)[:_SHOWN])) or "none"
        raise ConfigError(f"version {version} was pushed by no run that is recorded here; there are {known}.")
    outputs, executions = records.outputs(context), records.executions(context)
    candidate, baseline = figures.metrics(outputs)
    on_disk = next((one for one in versions if one.version == version), None)
    return {
        "version": version,
        "folder": str(on_disk.folder) if on_disk else None,
        "newest": bool(on_disk and on_disk.newest),
        "labels": list(on_disk.labels) if on_disk else [],
        "run": {name: value for name, value in asdict(records.run(context)).items() if name in ("run", "number")},
        "data": _data(records, executions, outputs),
        "schema": {
            "path": outputs["SchemaGen", "schema"].uri if ("SchemaGen", "schema") in outputs else None,
            # The copy that the run used: the file itself may have changed since.
            "curated": _given(records, executions, "SchemaGen").get("schema_file"),
        },
        "options": _options(records, executions),
        "code": _code(records, executions),
        "metrics": {"candidate": candidate, "baseline": baseline},
        "baseline": _baseline(records, outputs, pushed),
        "gates": _gates(records, context, outputs),
        "artifacts": [
            {"node": node, "key": key, "id": one.id, "path": one.uri, "exists": Path(one.uri).exists()}
            for (node, key), one in sorted(outputs.items(), key=lambda item: item[1].id)
        ],
    }


def lines(config: Config, found: Mapping[str, Any]) -> Iterator[str]:
    """The lineage, line by line."""
    labels = ", ".join([*(["newest"] if found["newest"] else []), *found["labels"]])
    yield f"{config.name} version {found['version']}" + (f" ({labels})" if labels else "")
    data, metrics, task = found["data"], found["metrics"], config.label.task
    before, span = found["baseline"], data["span"]
    pairs = [
        ("folder", found["folder"] or f"no longer in {config.serving_folder}"),
        ("pushed by", f"run {found['run']['number']}, {found['run']['run']}"),
        ("data", _joined(data["files"], span is not None and f"span {span}", _extent(data["fingerprint"]))),
        ("", figures.rows_in_words(data["rows"])),
        ("schema", found["schema"]["curated"] or found["schema"]["path"]),
        ("metrics", figures.in_words(metrics["candidate"], task)),
        ("baseline", f"version {before['version'] or 'unknown'}" if before else "none: a first model"),
        ("", figures.in_words(metrics["baseline"], task)),
        *((name, _words(values)) for name, values in _shown_options(found["options"])),
        ("code", ", ".join(f"{node} {digest}" for node, digest in found["code"].items())),
    ]
    yield from printing.columns(pair for pair in pairs if pair[1])
    yield "gates:"
    yield from printing.columns((gate["node"], gate["verdict"], gate["reason"]) for gate in found["gates"])
    yield "artifacts:"
    yield from printing.columns(
        (f"{one['node']}.{one['key']}", printing.path(one["path"]) + ("" if one["exists"] else " (gone)"))
        for one in found["artifacts"]
    )


def _data(records: Records, executions: Mapping[str, metadata_store_pb2.Execution], outputs: Outputs) -> dict[str, Any]:
    given = _given(records, executions, "ExampleGen")
    patterns = [value for name, value in flattened(given.get("input_config", "")).items() if name.endswith("pattern")]
    examples, statistics = outputs.get(("ExampleGen", "examples")), outputs.get(("StatisticsGen", "statistics"))
    return {
        "files": ", ".join(f"{given.get('input_base', '')}/{pattern}" for pattern in patterns),
        "span": given.get("span") if any("{" in pattern for pattern in patterns) else None,
        "fingerprint": str(given.get("input_fingerprint", "")),
        "rows": figures.rows(outputs),
        "examples": examples.uri if examples else None,
        "statistics": statistics.uri if statistics else None,
    }


def _given(records: Records, executions: Mapping[str, metadata_store_pb2.Execution], node: str) -> dict[str, Any]:
    return properties(records, executions[node]) if node in executions else {}


def _options(records: Records, executions: Mapping[str, metadata_store_pb2.Execution]) -> dict[str, Any]:
    """What the trainer was given, by section."""
    given = json.loads(_given(records, executions, "Trainer").get("custom_config") or "{}")
    parameters = json.loads(given.get("parameters") or "{}")
    return {name: parameters[name] for name in ("label", "features", "model", "loop") if parameters.get(name)}


def _code(records: Records, executions: Mapping[str, metadata_store_pb2.Execution]) -> dict[str, str]:
    """The digest of the sources of each node that has one."""
    found = {}
    for node, execution in executions.items():
        for name, value in flattened(properties(records, execution)).items():
            if name.rpartition(".")[2] in CODE:
                found[node] = str(value)
    return found


def _baseline(
    records: Records, outputs: Outputs, pushed: Mapping[int, metadata_store_pb2.Artifact]
) -> dict[str, Any] | None:
    """The model that the Evaluator compared with."""
    blessing = outputs.get(("Evaluator", "blessing"))
    model = blessing.custom_properties["baseline_model_id"].int_value if blessing else 0
    if not model:
        return None
    versions = [one for one, push in pushed.items() if push.custom_properties[MODEL_ID_PROPERTY].int_value == model]
    paths = [artifact.uri for artifact in records.store.get_artifacts_by_id([model])]
    return {"version": max(versions, default=None), "model": next(iter(paths), None)}


def _gates(records: Records, context: metadata_store_pb2.Context, outputs: Outputs) -> list[dict[str, str]]:
    """The verdicts of the project's gates, and of your own, which are never cached and look nothing up."""
    found, executions = [], records.executions(context)
    for node in records.run(context).nodes:
        own = executions[node.node].custom_properties[UNCACHED_PROPERTY].string_value == NEVER_CACHED
        if node.node not in _GATES and not (own and cache_key(records, executions[node.node])):
            continue
        blessing = outputs.get((node.node, "blessing"))
        verdict = "passed" if node.state in ("done", "from cache") else node.state
        if blessing:
            verdict = "blessed" if blessing.custom_properties["blessed"].int_value else "not blessed"
        found.append({"node": node.node, "verdict": verdict, "reason": node.reason})
    return found


def _shown_options(options: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Of each feature its kinds, of the other sections everything."""
    for section, values in options.items():
        if section != "features":
            yield section, values
            continue
        yield (
            section,
            {name: " and ".join(dict.fromkeys(entry["kind"] for entry in entries)) for name, entries in values.items()},
        )


def _joined(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part)


def _extent(fingerprint: str) -> str:
    """How many files and bytes a fingerprint of TFX counts, over all input splits."""
    files, sizes = (sum(map(int, re.findall(rf"{name}:(\d+)", fingerprint))) for name in ("num_files", "total_bytes"))
    return f"{files:,} {'file' if files == 1 else 'files'} of {printing.size(sizes)}" if files else ""


def _words(values: Mapping[str, Any]) -> str:
    """Options in one line, without those that are not set."""
    given = [f"{name} {value}" for name, value in flattened(values).items() if value not in (None, "", {}, [])]
    return one_line(", ".join(given), limit=200)
