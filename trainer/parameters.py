"""What the trainer needs to know, as strict and frozen models: label, features, model and loop options.

The pipeline's YAML is validated against these same classes, and TFX carries them to the workers as JSON
(``custom_config``). No TensorFlow here: a configuration error has to answer within a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

# The key under which TFX's custom_config carries the parameters to preprocessing_fn and run_fn.
CUSTOM_CONFIG_KEY = "parameters"
_MOST_IDS = 1_000_000


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Above(Strict):
    """``label = column > times * other column``."""

    column: str
    times: float = Field(gt=0, allow_inf_nan=False)


class Label(Strict):
    """The binary label: a 0/1 column, or a comparison of two columns.

    Attributes:
        column: the column that holds the label, or its left side when ``above`` is given.
        above: the right side; None means that ``column`` itself holds 0 or 1.
    """

    column: str
    above: Above | None = None

    def of(self, row: Mapping[str, float]) -> bool:
        """The label of one raw row; a missing value counts as 0, as in `trainer.preprocessing.binary_label`."""
        left = float(row.get(self.column) or 0)
        if self.above is None:
            return left > 0.5
        return left > self.above.times * float(row.get(self.above.column) or 0)


class Vocabulary(Strict):
    """A categorical feature whose values are learnt from the training data."""

    top_k: int = Field(default=1000, gt=0)
    oov_buckets: int = Field(default=1, gt=0)


class Features(Strict):
    """Which raw features the model sees, and how each is turned into numbers.

    Attributes:
        numeric: scaled to mean 0 and variance 1; a missing value becomes the mean.
        bucketized: cut at quantiles into so many buckets; missing is a bucket of its own.
        vocabulary: values looked up in a learnt vocabulary; missing and unseen have ids of their own.
        identity: integers in ``[0, n)`` used as they are; missing has an id of its own.
    """

    numeric: tuple[str, ...] = ()
    bucketized: Mapping[str, int] = {}
    vocabulary: Mapping[str, Vocabulary] = {}
    identity: Mapping[str, int] = {}

    @model_validator(mode="after")
    def _sizes(self) -> Features:
        for kind in ("bucketized", "identity"):
            for name, size in getattr(self, kind).items():
                if not 2 <= size <= _MOST_IDS:
                    raise ValueError(f"{kind}.{name}: must lie between 2 and {_MOST_IDS:,}, got {size}")
        return self

    def names(self) -> tuple[str, ...]:
        """Every raw feature that the model reads, each once, sorted."""
        return tuple(sorted({*self.numeric, *self.bucketized, *self.vocabulary, *self.identity}))

    @classmethod
    def infer(cls, dtypes: Mapping[str, str]) -> Features:
        """Choose a treatment by type, for configs that name no features.

        Args:
            dtypes: raw feature name to ``"float32"``, ``"int64"`` or ``"string"``, the label's columns left out.

        Returns:
            Floats scaled, integers cut into ten buckets, strings looked up in a vocabulary.
        """
        of = {kind: sorted(name for name, dtype in dtypes.items() if dtype == kind) for kind in set(dtypes.values())}
        return cls(
            numeric=tuple(of.get("float32", ())),
            bucketized=dict.fromkeys(of.get("int64", ()), 10),
            vocabulary={name: Vocabulary() for name in of.get("string", ())},
        )


class Model(Strict):
    """The wide-and-deep network."""

    embedding_dim: int = Field(default=8, gt=0)
    hidden_units: tuple[PositiveInt, ...] = (64, 32)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class Loop(Strict):
    """The training loop.

    Attributes:
        global_batch_size: examples per step, over all replicas.
        epochs: passes over the training split.
        steps_per_loop: steps that run inside one ``tf.function`` call, before the host looks at metrics.
        learning_rate: the peak; it decays to 0 along a cosine.
        strategy: ``auto`` mirrors over all GPUs where there are several, else uses one device.
        seed: of initialisation, shuffling and dropout.
    """

    global_batch_size: int = Field(default=256, gt=0)
    epochs: int = Field(default=3, gt=0)
    steps_per_loop: int = Field(default=40, gt=0)
    learning_rate: float = Field(default=2e-3, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    strategy: Literal["auto", "one_device", "mirrored"] = "auto"
    seed: int = Field(default=0, ge=0, lt=2**31)


class Parameters(Strict):
    """All that crosses from the pipeline to ``preprocessing_fn`` and ``run_fn``."""

    label: Label
    features: Features | None = None
    model: Model = Model()
    loop: Loop = Loop()
