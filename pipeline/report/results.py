"""What a run found and did, read from ML Metadata and the artifacts it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.example_gen.rows.counts import RowCounts
from components.gates.data.data_gate import find_anomalies
from components.gates.evaluation import BASELINE, CANDIDATE, metrics_by_slice
from components.gates.findings import read_notices
from components.gates.model.intervals import Intervals, intervals_by_slice
from components.pushed_model import VERSION_PROPERTY
from components.reference.component import load as load_reference
from pipeline.config.config import Config
from pipeline.records.runs import Outputs
from pipeline.report.lite import note as lite_note  # part: lite
from pipeline.report.trials import note as search_note  # part: tuner
from pipeline.running import metadata

SliceMetrics = Mapping[str, float]

# What optional nodes add to the summary.
_NOTES: tuple[Callable[[Config, Outputs], tuple[str, str] | None], ...] = (
    search_note,  # part: tuner
    lite_note,  # part: lite
)


@dataclass(frozen=True, kw_only=True)
class Results:
    """The figures of one run.

    Attributes:
        rows: per split.
        left_out: how many rows are in no split and why, in words; empty if all are in one.
        anomalies: all that ExampleValidator found, of any severity.
        candidate: metrics by slice (``""`` is all examples), by name.
        baseline: the same of the last blessed model; empty in a first run.
        intervals: of the candidate's metrics, by slice and name; empty without `gates.evaluation.confidence`.
        changes: of their differences from the baseline's.
        reference: metrics of boosted trees on all eval examples; empty without a reference.
        version: the served version.
        newly_pushed: False where that version already held the same files.
        model_uri: the Model artifact's folder.
        model_run_uri: the ModelRun artifact's folder.
        examples_uri: the Examples artifact's folder.
        notices: what the data gate found worth knowing.
        model_notices: what ModelGate and ReferenceGate did.
        notes: lines of optional nodes for the summary, each a label and a text.
    """

    rows: Mapping[str, int]
    anomalies: tuple[str, ...]
    candidate: Mapping[str, SliceMetrics]
    baseline: Mapping[str, SliceMetrics]
    version: int
    newly_pushed: bool
    model_uri: str
    model_run_uri: str
    examples_uri: str
    left_out: str = ""
    intervals: Intervals = field(default_factory=dict)
    changes: Intervals = field(default_factory=dict)
    reference: SliceMetrics = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    model_notices: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


def read(config: Config, *, run_id: str, level: float) -> Results:
    """Collect the results of a run that ended with a push.

    Args:
        config: the pipeline.
        run_id: the run.
        level: of the intervals, if the Evaluator computed any.
    """
    outputs = metadata.output_artifacts(metadata.open_store(config.metadata_source), run_id=run_id)
    pushed = outputs["Pusher", "pushed_model"]
    rows = count_rows(outputs["StatisticsGen", "statistics"].uri)
    evaluation = outputs["Evaluator", "evaluation"].uri
    examples_uri = outputs["ExampleGen", "examples"].uri
    ingested = RowCounts.load(examples_uri)
    return Results(
        rows=rows,
        anomalies=tuple(
            find_anomalies(outputs["ExampleValidator", "anomalies"].uri, splits=list(rows), fail_on="warning", allow=())
        ),
        candidate=metrics_by_slice(evaluation, CANDIDATE),
        baseline=metrics_by_slice(evaluation, BASELINE),
        intervals=intervals_by_slice(evaluation, level=level),
        changes=intervals_by_slice(evaluation, level=level, of_change=True),
        version=int(pushed.custom_properties[VERSION_PROPERTY].string_value),
        newly_pushed=bool(pushed.custom_properties["newly_pushed"].int_value),
        model_uri=outputs["Trainer", "model"].uri,
        model_run_uri=outputs["Trainer", "model_run"].uri,
        examples_uri=examples_uri,
        reference=load_reference(outputs["Reference", "reference"].uri)
        if ("Reference", "reference") in outputs
        else {},
        notices=_notices(outputs, "DataGate", "notices"),
        model_notices=_notices(outputs, "ModelGate", "verdict") + _notices(outputs, "ReferenceGate", "notices"),
        left_out=ingested.left_out() if ingested else "",
        notes=notes(config, outputs),
    )


def notes(config: Config, outputs: Outputs) -> tuple[tuple[str, str], ...]:
    """What optional nodes have to say, each a label and a text.

    Args:
        config: the pipeline.
        outputs: artifacts of a run by node and output key.
    """
    return tuple(note for note in (line(config, outputs) for line in _NOTES) if note)


def _notices(outputs: Outputs, node: str, output: str) -> tuple[str, ...]:
    gate = outputs.get((node, output))
    return read_notices(gate.uri) if gate else ()


def count_rows(statistics_uri: str) -> dict[str, int]:
    """Examples per split, from a statistics artifact."""
    counts = {}
    for path in sorted(Path(statistics_uri).glob("Split-*/FeatureStats.pb")):
        statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes())
        counts[path.parent.name.removeprefix("Split-")] = sum(int(data.num_examples) for data in statistics.datasets)
    return counts
