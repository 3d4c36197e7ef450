"""The config as text: one line for each column, with what was seen."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from components.messages import one_line
from pipeline.init.judging.treatment import seen
from pipeline.init.plan import Plan
from trainer.parameters import Model

# Where the comments begin.
_COLUMN = 46
_PICTURES = "lenet"
# The default reads no pictures.
_PICTURES_AND_MORE = "dnn"
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# What suits tables of any size best, in `python -m bench.tables`; the length follows from the rows.
_AUGMENTED = {"augmentation": {"flip": "horizontal", "shift": 0.1}}
_LOOP = {"optimizer": {"schedule": {"decay": "constant"}, "weight_decay": 3e-4, "clip_norm": 1.0}}


def config_text(plan: Plan, *, schema: str) -> str:
    """The file.

    Args:
        plan: what it says.
        schema: path of the schema.
    """
    return "".join(f"{line}\n" for line in _lines(plan, schema))


def flow(value: Any) -> str:
    """A value on one line, as YAML reads it back: in braces, brackets and quotes where it has to be."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return _scalar(value)


@functools.lru_cache(typed=True)
def _scalar(value: Any) -> str:
    if isinstance(value, str):
        if not value.isprintable():
            # JSON's escapes are those of YAML.
            return json.dumps(value)
        if _NAME.fullmatch(value) and not _is_other(value):
            return value
    return yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=2**20).strip()[1:-1]


def _is_other(word: str) -> bool:
    """Whether YAML takes a word without quotes for something else than text, such as ``no`` and ``null``."""
    return any(pattern.match(word) for _, pattern in yaml.SafeDumper.yaml_implicit_resolvers.get(word[0], ()))


def feature_line(name: str, entry: Any, comment: str) -> str:
    """A line under ``features``."""
    return _with_comment(f"  {flow(name)}: {flow(entry)}", comment)


def left_out_line(name: str, reason: str, comment: str) -> str:
    """A comment under ``features``."""
    return f"  # {one_line(flow(name))}: left out: {one_line(reason)} ({comment})"


def _lines(plan: Plan, schema: str) -> Iterator[str]:
    rows = f"{plan.decisions.table.rows:,}"
    yield f"# Written by `python -m pipeline init` from {rows} rows: each decision is a line to overrule."
    yield "# docs/own_data.md says how; docs/reference/configuration.md has all keys."
    yield f"name: {plan.name}"
    yield ""
    yield from _data(plan)
    yield ""
    yield f"schema: {flow(schema)}"
    yield ""
    yield from _label(plan)
    yield ""
    for name in plan.suggestions["example_weight"]:
        yield f"# {one_line(flow(name))} may be the weight of each row; then it is no feature: drop its line below."
        yield f"# example_weight: {flow(name)}"
    yield "features:"
    for name, treatment in plan.decisions.features.items():
        comment = seen(plan.decisions.table.columns[name])
        if treatment.entry is None:
            yield left_out_line(name, treatment.reason, comment)
        else:
            warning = f"; {one_line(treatment.warning)}" if treatment.warning else ""
            yield feature_line(name, treatment.entry, comment + warning)
    yield ""
    yield "trainer:"
    yield f"  model: {{name: {_model(plan)}}}"
    if _model(plan) == _PICTURES:
        yield "  # docs/pictures.md has other networks, and random changes while training, such as:"
        yield f"  # loop: {flow(_AUGMENTED)}"
    else:
        yield f"  loop: {flow(_LOOP)}"
    yield ""
    yield from _gates(plan)
    yield ""
    yield "serving:"
    yield f"  model_name: {plan.name}"


def _data(plan: Plan) -> Iterator[str]:
    yield "data:"
    for key, value in plan.source.section.items():
        yield f"  {key}: {flow(value)}"
    if "splits" not in plan.source.section:
        yield "  splits: {train: 2, eval: 1}"
    for column in plan.suggestions["column"]:
        yield f"  # {one_line(flow(column))} comes again in several rows. To have all of them in one split:"
        yield f"  # splits: {flow({'by': 'column', 'column': column, 'train': 2, 'eval': 1})}"
    for column in plan.suggestions["time"]:
        yield f"  # {one_line(flow(column))} is a time. To be judged by the latest rows:"
        yield f"  # splits: {flow({'by': 'time', 'column': column, **_format(plan, column), 'eval': 0.3})}"


def _format(plan: Plan, column: str) -> dict[str, str]:
    """How a column writes its dates, if not as ISO's."""
    entry = plan.decisions.features[column].entry
    return {"format": entry["format"]} if isinstance(entry, dict) and "format" in entry else {}


def _label(plan: Plan) -> Iterator[str]:
    yield "label:"
    column = plan.decisions.table.columns[plan.decisions.label.column]
    for key, value in plan.decisions.label.model_dump(exclude_defaults=True, mode="json").items():
        yield _with_comment(f"  {key}: {flow(value)}", seen(column) if key == "column" else "")
    if plan.decisions.label.task == "binary":
        yield "  task: binary"
    if plan.decisions.remark:
        yield f"  # {one_line(plan.decisions.remark)}"


def _gates(plan: Plan) -> Iterator[str]:
    baseline = plan.baseline
    yield "gates:"
    yield "  data:"
    yield "    fail_on: error"
    yield "  evaluation:"
    yield "    first_run: absolute_only"
    yield f"    slices: {flow(list(baseline.slices))}"
    for name, reason in list(baseline.left_out.items())[:10]:
        yield f"    # no slices by {one_line(flow(name))}: {reason}"
    yield f"    min_slice_size: {baseline.min_slice_size}"
    yield "    # On rows that were held back,"
    yield f"    # - boosted trees reached {_figures(baseline.reached)}"
    yield f"    # - a model that always answers the same {_figures(baseline.trivial)}"
    if baseline.finds_nothing:
        yield "    # So nothing was found that tells the label: expect a refusal, or other columns."
    yield "    # They are trained in each run, and what they reach is said beside the model; null leaves them out."
    yield "    # reference_refuse: 0.5 refuses a model whose error is half as large again."
    yield "    reference: hist_gradient_boosting"
    yield "    thresholds:"
    for limit in baseline.thresholds:
        yield f"      - {flow(limit)}"


def _figures(metrics: Mapping[str, float]) -> str:
    return _joined(f"{name} {value:.4g}" for name, value in metrics.items())


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _model(plan: Plan) -> str:
    kinds = [kind for treatment in plan.decisions.features.values() for kind in treatment.kinds]
    if kinds == ["image"]:
        return _PICTURES
    return _PICTURES_AND_MORE if "image" in kinds else Model().name


def _with_comment(line: str, comment: str) -> str:
    return f"{line:<{_COLUMN}}  # {comment}" if comment else line
