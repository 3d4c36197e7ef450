"""Earlier data to compare with: those of the served model, or before the first push those of the span before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio

from components.gates.data.drift import profile
from components.gates.data.drift.profile import Profile, Side
from components.gates.data.label_check import Statistics

STATISTICS_FILE = "FeatureStats.pb"


class EarlierSplit(NamedTuple):
    """A split of earlier data.

    Attributes:
        statistics: as TFDV compares them.
        profile: rows, repeated rows and label.
    """

    statistics: statistics_pb2.DatasetFeatureStatisticsList
    profile: Profile

    def side(self) -> Side:
        """The split as it is compared."""
        return Side(self.profile, int(self.statistics.datasets[0].num_examples), features_of(self.statistics))


class Earlier(NamedTuple):
    """Data to compare with.

    Attributes:
        words: what they are, for messages.
        splits: their splits by name.
    """

    words: str
    splits: Mapping[str, EarlierSplit]


def served_data(statistics: str, kept: str | None, *, splits: Iterable[str]) -> Earlier:
    """The data that the served model was trained on.

    Args:
        statistics: folder of their statistics.
        kept: folder of the gate's output in the run that pushed; None if it is not known.
        splits: names of the splits to look for.
    """
    profiles = profile.read(kept) if kept else {}
    found = {}
    for split in splits:
        path = f"{statistics}/Split-{split}/{STATISTICS_FILE}"
        if fileio.exists(path):
            seen = read_statistics(path)
            rows = int(seen.datasets[0].num_examples)
            found[split] = EarlierSplit(seen, profiles.get(split, Profile(rows=rows)))
    return Earlier("the data of the served model", found)


def read_statistics(path: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """The statistics in a file."""
    with fileio.open(path, "rb") as file:
        return statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read())


def features_of(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> dict[str, Statistics]:
    """The statistics by column."""
    [dataset] = statistics.datasets
    return {feature.path.step[0]: feature for feature in dataset.features}
