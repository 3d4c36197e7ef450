"""Which split an example goes to: by the hash of TFX's own ExampleGen, so rows stay in their split."""

from __future__ import annotations

import bisect
import hashlib
import itertools
from collections.abc import Iterable

import tensorflow as tf
from tfx.proto import example_gen_pb2

from components.refusal import GateRefused


class HashSplits:
    """The splits of an ``output_config``.

    Source: ``_PartitionFn`` in tfx/components/example_gen/base_example_gen_executor.py.

    Args:
        config: splits with their hash buckets, and the feature whose value is hashed instead of the example, if any.
    """

    def __init__(self, config: example_gen_pb2.SplitConfig):
        self._bounds = list(itertools.accumulate(split.hash_buckets for split in config.splits))
        self._feature = config.partition_feature_name

    def index(self, example: bytes) -> int:
        """The index of the split of a serialized tf.Example."""
        key = self._key(example) if self._feature else example
        bucket = int.from_bytes(hashlib.sha256(key).digest(), "big") % self._bounds[-1]
        return bisect.bisect(self._bounds, bucket)

    def shared_out(self, examples: Iterable[bytes]) -> list[list[bytes]]:
        """The examples of each split, in order."""
        splits: list[list[bytes]] = [[] for _ in self._bounds]
        for example in examples:
            splits[self.index(example)].append(example)
        return splits

    def _key(self, example: bytes) -> bytes:
        features = tf.train.Example.FromString(example).features.feature
        if self._feature not in features or features[self._feature].WhichOneof("kind") not in (
            "bytes_list",
            "int64_list",
        ):
            raise GateRefused(
                f"partition_feature_name: every example needs a string or integer in {self._feature!r}; one has none."
            )
        return features[self._feature].SerializeToString(deterministic=True)
