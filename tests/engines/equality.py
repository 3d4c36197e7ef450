"""What it means that Beam gave the same on two engines, and the runs that are compared.

A run is the folder that `run_beam_nodes` returns: ML Metadata and artifacts of one pipeline. What is compared comes
from its newest run, whichever nodes that took from the cache.

- Counts, vocabularies, schema, anomalies and examples are the same, the order aside.
- Sums and what is made of them (means, deviations) depend on the order of additions: within 1e-6 of the value.
- Quantiles come from sketches that merge what the bundles bring, and each engine cuts its bundles as it likes: TFDV's
  may be off by 1 % of the rows, Transform's by 1 % of the rows, too. Histograms of equal width are made of the same
  sketch, and their counts sum up within 1e-5. FnApiRunner, in one process or several, gave the very same in every mode.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tensorflow_transform.saved import saved_transform_io_v2
from tfx.types import standard_artifacts

from components.evaluator.component import Executor
from components.gates.evaluation import CANDIDATE, Table, metrics_by_slice
from pipeline.beam.guard import guarded
from pipeline.config.config import Config
from pipeline.nodes.gates.eval_config import eval_config
from pipeline.running import metadata
from tests.shared.programs import PROJECT
from tests.shared.stand_ins import artifact
from trainer.features.names import IDS

# A bucket of a histogram of equal width is a difference of two ranks in each sketch, of which each may be off by 1 %.
BUCKET_ERROR = 0.04
RELATIVE = 1e-6
# The counts of a histogram, which workers add up in float32; a run on one machine, in float64.
HISTOGRAM = 1e-5
# Of float32, after the means and deviations of the training data.
TRANSFORMED = 1e-5
SPLITS = ("train", "eval")


def run_beam_nodes(*flags: str, folder: Path, to: str = "Transform", seconds: float = 1200) -> Path:
    """Run the taxi pipeline in a process of its own, as a person would, and return its run folder.

    Args:
        flags: of ``python -m pipeline run``: the profile and what is set over it.
        folder: the new run folder's parent.
        to: the last node that runs.
        seconds: after which this gives up.
    """
    command = [sys.executable, "-m", "pipeline", "run", *flags, f"--set=runs={folder}", f"--to={to}"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return folder / "taxi"


def evaluate(run: Path, *, config: Config, beam_pipeline_args: Sequence[str], folder: Path) -> Table:
    """Run the Evaluator on the model and the examples of ``run``, and return its metrics by slice.

    Two trainings on rows in another order give two models; so this runs the Evaluator alone, on the same files.

    Args:
        run: a run with a Trainer.
        config: of which the evaluation gate's metrics and slices and Beam's time limit are taken.
        beam_pipeline_args: where Beam runs.
        folder: for the evaluation; the engine's workers must see it under this path, too.
    """
    model = artifact(standard_artifacts.Model, _output(run, "Trainer", "model"))
    examples = artifact(standard_artifacts.Examples, _output(run, "ExampleGen", "examples"))
    examples.split_names = '["train", "eval"]'
    evaluation = artifact(standard_artifacts.ModelEvaluation, folder / "evaluation")
    blessing = artifact(standard_artifacts.ModelBlessing, folder / "blessing")
    wanted = eval_config(config.gates.evaluation, parameters=config.parameters())
    context = Executor.Context(
        beam_pipeline_args=list(beam_pipeline_args), tmp_dir=str(folder / "temporary"), unique_id="1"
    )
    with guarded(config.beam.limit_minutes):
        Executor(context).Do(
            {"model": [model], "examples": [examples]},
            {"evaluation": [evaluation], "blessing": [blessing]},
            {"eval_config": json_format.MessageToJson(wanted), "example_splits": '["eval"]'},
        )
    return metrics_by_slice(evaluation.uri, CANDIDATE)


def assert_same_run(one: Path, other: Path) -> None:
    """All that the nodes from ExampleGen to Transform made is the same."""
    assert_same_examples(one, other)
    assert_same_statistics(one, other)
    assert_same_schema_and_anomalies(one, other)
    assert_same_transform(one, other)


def assert_same_examples(one: Path, other: Path) -> None:
    """Each split holds the same examples, in any order and in any number of files."""
    for split in SPLITS:
        ours, theirs = (Counter(_examples(run, split)) for run in (one, other))
        assert ours, f"{one}: no examples in {split}"
        assert ours == theirs, f"{split}: {(ours - theirs).total()} and {(theirs - ours).total()} differ"


def assert_same_statistics(one: Path, other: Path) -> None:
    """Each feature has the same figures; quantiles and histograms by quantile within the sketch's error."""
    for split in SPLITS:
        ours, theirs = (_statistics(run, split) for run in (one, other))
        assert ours.keys() == theirs.keys()
        for name, feature in ours.items():
            _assert_same_feature(feature, theirs[name], f"{split}, {name}")


def assert_same_schema_and_anomalies(one: Path, other: Path) -> None:
    """ExampleValidator saw the same schema and found the same."""
    for split in SPLITS:
        ours, theirs = (
            anomalies_pb2.Anomalies.FromString(
                (_output(run, "ExampleValidator", "anomalies") / f"Split-{split}" / "SchemaDiff.pb").read_bytes()
            )
            for run in (one, other)
        )
        assert ours == theirs, split


def assert_same_transform(one: Path, other: Path, *, rows: int = 100) -> None:
    """Both transform graphs have the same vocabularies and make the same of ``rows`` examples, within tolerance."""
    graphs = [tft.TFTransformOutput(str(_output(run, "Transform", "transform_graph"))) for run in (one, other)]
    ours, theirs = (_vocabularies(run) for run in (one, other))
    assert ours == theirs
    serialized = list(islice(_records(one, "ExampleGen", "examples", "train"), rows))
    ours, theirs = (_transformed(graph, serialized) for graph in graphs)
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        if name == IDS:
            # Buckets are among the ids. A boundary that moves by the sketch's error takes a row
            # into the next bucket, no further.
            assert np.abs(values - theirs[name]).max() <= 1, name
            assert np.mean(values != theirs[name]) <= 0.1, name
        else:
            np.testing.assert_allclose(values, theirs[name], rtol=TRANSFORMED, atol=TRANSFORMED, err_msg=name)
    for split in SPLITS:
        counts = [sum(1 for _ in _records(run, "Transform", "transformed_examples", split)) for run in (one, other)]
        assert counts[0] == counts[1] > 0, split


def assert_same_metrics(ours: Mapping[str, Mapping[str, float]], theirs: Mapping[str, Mapping[str, float]]) -> None:
    """Two evaluations of the same model have the same slices, and the same figures within 1e-6."""
    assert ours.keys() == theirs.keys()
    assert "" in ours
    for name, metrics in ours.items():
        assert metrics.keys() == theirs[name].keys(), name
        for metric, value in metrics.items():
            np.testing.assert_allclose(value, theirs[name][metric], rtol=RELATIVE, atol=RELATIVE, err_msg=metric)


def _output(run: Path, node: str, key: str) -> Path:
    store = metadata.open_store(run / "metadata.sqlite")
    newest = metadata.runs(store)[0].name
    return Path(metadata.output_artifacts(store, run_id=newest)[node, key].uri)


def _records(run: Path, node: str, key: str, split: str) -> Iterator[bytes]:
    files = sorted(str(path) for path in (_output(run, node, key) / f"Split-{split}").iterdir())
    return tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()


def _examples(run: Path, split: str) -> Iterator[bytes]:
    for record in _records(run, "ExampleGen", "examples", split):
        # The order of a map's keys on disk is each process's own.
        yield tf.train.Example.FromString(record).SerializeToString(deterministic=True)


def _statistics(run: Path, split: str) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    path = _output(run, "StatisticsGen", "statistics") / f"Split-{split}" / "FeatureStats.pb"
    [dataset] = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets
    return {".".join(feature.path.step) or feature.name: feature for feature in dataset.features}


def _assert_same_feature(
    ours: statistics_pb2.FeatureNameStatistics, theirs: statistics_pb2.FeatureNameStatistics, name: str
) -> None:
    for mine, yours in zip(_sketched(ours), _sketched(theirs), strict=True):
        _assert_near_histogram(mine, yours, name)
    # A feature without values has no quantiles, and no median.
    for histogram in theirs.num_stats.histograms:
        if histogram.type == statistics_pb2.Histogram.QUANTILES:
            middle = len(histogram.buckets) // 2
            low, high = histogram.buckets[middle - 1].low_value, histogram.buckets[middle].high_value
            assert low <= ours.num_stats.median <= high, f"{name}: median"
    figures, others = dict(_figures(ours)), dict(_figures(theirs))
    assert figures.keys() == others.keys(), name
    for key, value in figures.items():
        if isinstance(value, float):
            np.testing.assert_allclose(value, others[key], rtol=RELATIVE, err_msg=f"{name}: {key}")
        else:
            assert value == others[key], f"{name}: {key}"


def _sketched(feature: statistics_pb2.FeatureNameStatistics) -> list[statistics_pb2.Histogram]:
    numbers = feature.num_stats if feature.HasField("num_stats") else feature.string_stats
    return [*feature.num_stats.histograms, numbers.common_stats.num_values_histogram]


def _assert_near_histogram(ours: statistics_pb2.Histogram, theirs: statistics_pb2.Histogram, name: str) -> None:
    assert ours.type == theirs.type, name
    assert len(ours.buckets) == len(theirs.buckets), name
    if ours.type == statistics_pb2.Histogram.QUANTILES:
        mine, yours = (np.array([[b.low_value, b.high_value] for b in h.buckets]) for h in (ours, theirs))
        # No boundary has moved past a neighbour of its own.
        assert np.all(mine[:, 0] <= yours[:, 1]), f"{name}: {mine} against {yours}"
        assert np.all(yours[:, 0] <= mine[:, 1]), f"{name}: {mine} against {yours}"
        return
    mine, yours = (np.array([b.sample_count for b in h.buckets]) for h in (ours, theirs))
    np.testing.assert_allclose(mine.sum(), yours.sum(), rtol=HISTOGRAM, err_msg=name)
    np.testing.assert_allclose(mine, yours, atol=BUCKET_ERROR * mine.sum(), err_msg=name)


def _figures(message: Message, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every single value in a message by its path, but for what comes from a sketch."""
    for field, value in message.ListFields():
        if field.name in ("histograms", "num_values_histogram", "median"):
            continue
        path = f"{prefix}{field.name}"
        values = enumerate(value) if field.label == field.LABEL_REPEATED else [("", value)]
        for index, single in values:
            if isinstance(single, Message):
                yield from _figures(single, f"{path}{index}.")
            else:
                yield f"{path}{index}", single


def _vocabularies(run: Path) -> dict[str, bytes]:
    assets = _output(run, "Transform", "transform_graph") / "transform_fn" / "assets"
    return {path.name: path.read_bytes() for path in assets.iterdir()}


def _transformed(graph: tft.TFTransformOutput, serialized: Sequence[bytes]) -> dict[str, np.ndarray]:
    loader = saved_transform_io_v2.SavedModelLoader(graph.transform_savedmodel_dir)
    outputs = loader.apply_transform_model(tf.io.parse_example(serialized, graph.raw_feature_spec()))
    return {
        name: tf.sparse.to_dense(t).numpy() if isinstance(t, tf.SparseTensor) else t.numpy()
        for name, t in outputs.items()
    }
