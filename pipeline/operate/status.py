"""``python -m pipeline status``: the last run node by node, what is served, and why a node was reused or run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from components.messages import did_you_mean, known_names, one_line
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.records import figures, printing, served, why
from pipeline.records.runs import Records, RunRecord, records_of
from pipeline.records.served import Served

_EARLIER = 5
_REASON = 160


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--why", metavar="NODE", help="why the last run reused this node or ran it")
    served.add_models_files(parser)
    printing.add_json(parser)


def run(config: Config, options: argparse.Namespace) -> int:
    """Print the status; returns 0.

    Raises:
        ConfigError: the last run has no such node, or a file cannot be read.
    """
    records = records_of(config)
    versions = served.versions(config, served.models_files(config, options.model_config_file))
    if records is None:
        if options.why:
            raise ConfigError(f"--why {options.why}: there is no run in {config.run_folder}.")
        if options.json:
            printing.print_json({"pipeline": config.name, "runs": 0, "served": [asdict(one) for one in versions]})
        else:
            print(f"{config.name}: no run yet in {config.run_folder}")
    elif options.why:
        _explain(records, options)
    elif options.json:
        printing.print_json(document(config, records, versions))
    else:
        print("\n".join(lines(config, records, versions)))
    return 0


def document(config: Config, records: Records, versions: Sequence[Served]) -> dict[str, object]:
    """The status as one document."""
    last, *earlier = records.runs(1 + _EARLIER)
    outputs = records.outputs(records.contexts[0])
    candidate, baseline = figures.metrics(outputs)
    return {
        "pipeline": config.name,
        "runs": len(records.contexts),
        "last": asdict(last),
        "rows": figures.rows(outputs),
        "metrics": {"candidate": candidate, "baseline": baseline},
        "served": [asdict(one) for one in versions],
        "serving_folder": str(config.serving_folder),
        "earlier": [{"run": one.run, "result": one.result, "words": one.words} for one in earlier],
    }


def lines(config: Config, records: Records, versions: Sequence[Served]) -> Iterator[str]:
    """The status, line by line."""
    last, *earlier = records.runs(1 + _EARLIER)
    yield (
        f"{config.name}: run {last.number} of {len(records.contexts)}, started {printing.when(last.started)}, "
        f"{last.words}" + (f" after {printing.took(last.seconds)}" if last.seconds is not None else "")
    )
    yield from printing.columns((one.node, one.state, printing.took(one.seconds), one.reason) for one in last.nodes)
    outputs, task = records.outputs(records.contexts[0]), config.label.task
    candidate, baseline = (figures.in_words(each, task) for each in figures.metrics(outputs))
    found = [
        ("data", figures.rows_in_words(figures.rows(outputs))),
        ("model", candidate),
        ("baseline", baseline),
    ]
    yield from printing.columns(pair for pair in found if pair[1])
    yield f"served from {config.serving_folder}:" + ("" if versions else " nothing yet")
    yield from printing.columns((str(one.version), one.words) for one in versions)
    if earlier:
        yield "earlier runs:"
        yield from printing.columns((printing.when(one.started), f"{one.words}{_because(one)}") for one in earlier)


def _because(run: RunRecord) -> str:
    return f": {one_line(run.reason, limit=_REASON)}" if run.reason else ""


def _explain(records: Records, options: argparse.Namespace) -> None:
    node, run = options.why, records.contexts[0]
    found = why.explain(records, run, node)
    if found is None:
        names = records.executions(run)
        raise ConfigError(
            f"--why {node}: the last run has no execution of this node; {did_you_mean(names, like=node)}there are "
            f"{known_names(names, like=node)}."
        )
    if options.json:
        printing.print_json(asdict(found))
        return
    print(f"{found.node} in run {found.run}: {found.verdict}")
    if found.compared_with and not found.reused:
        print(f"compared with run {found.compared_with}:" + ("" if found.changes else " nothing differs"))
        for change in found.changes:
            print(f"  {change.words}")
