"""The configured columns by kind. No TensorFlow here.

A kind is the module of that name in this package. It defines ``SCHEMA_TYPES``, ``transformed_name(name)``,
``transform(raw, options, *, name)`` and ``feature(name, options, output)``; a field of `Features` registers it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from trainer.features.bucketized import Bucketized
from trainer.features.identity import Identity
from trainer.features.image import Images
from trainer.features.numeric import Numeric
from trainer.features.vocabulary import Vocabulary, VocabularyColumns
from trainer.options import Strict


class Column(NamedTuple):
    """A column that the config names.

    Attributes:
        key: the config's key that names it, such as ``features.numeric``.
        kind: the module of its kind.
        name: the column's name.
        options: its options; None for a kind without options.
    """

    key: str
    kind: ModuleType
    name: str
    options: Any


class Features(Strict):
    """Which raw features the model sees, and how each is turned into numbers: a field for each kind.

    Attributes:
        numeric: numbers, scaled to mean 0 and variance 1; a missing value becomes the mean.
        bucketized: numbers, cut at quantiles into this many buckets; missing is a bucket of its own.
        vocabulary: values, looked up in a learnt vocabulary; missing and unseen have ids of their own.
        identity: integers in ``[0, n)``, used as they are; missing has an id of its own.
        image: pictures, scaled to ``[0, 1]``.
    """

    numeric: Numeric = ()
    bucketized: Bucketized = {}
    vocabulary: VocabularyColumns = {}
    identity: Identity = {}
    image: Images = {}

    def names(self) -> tuple[str, ...]:
        """Every raw feature that the model reads, each once, sorted."""
        return tuple(sorted({column.name for column in self.columns()}))

    def columns(self) -> Iterator[Column]:
        """All columns, kind by kind."""
        for kind in type(self).model_fields:
            module = importlib.import_module(f"trainer.features.{kind}")
            names = getattr(self, kind)
            for name in names:
                options = names[name] if isinstance(names, Mapping) else None
                yield Column(f"features.{kind}", module, name, options)

    @classmethod
    def infer(cls, dtypes: Mapping[str, str]) -> Features:
        """Choose a kind by type, for configs that name no features.

        Args:
            dtypes: ``"float32"``, ``"int64"`` or ``"string"`` by raw feature, without the label's columns.

        Returns:
            Floats scaled, integers cut into ten buckets, strings looked up in a vocabulary.
        """
        of = {kind: sorted(name for name, dtype in dtypes.items() if dtype == kind) for kind in set(dtypes.values())}
        return cls(
            numeric=tuple(of.get("float32", ())),
            bucketized=dict.fromkeys(of.get("int64", ()), 10),
            vocabulary={name: Vocabulary() for name in of.get("string", ())},
        )
