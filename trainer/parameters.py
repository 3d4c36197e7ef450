"""What the trainer needs to know, as strict and frozen models: label, features, model and loop options.

The pipeline's YAML is validated against these same classes, and TFX carries them to the workers as JSON
(``custom_config``). No TensorFlow here: a configuration error has to answer within a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trainer.options import Loop, Strict

# The key under which TFX's custom_config carries the parameters to preprocessing_fn and run_fn.
CUSTOM_CONFIG_KEY = "parameters"
# Where it names a folder for checkpoints.
CHECKPOINTS_KEY = "checkpoints"
# Where it says whose they are: of all trainings of the same on the same data by default, or of one `EXECUTION`.
CHECKPOINTS_OF_KEY = "checkpoints_of"
EXECUTION = "execution"
_MOST_IDS = 1_000_000


class Above(Strict):
    """``label = column > times * other column``."""

    column: str
    times: float = Field(gt=0, allow_inf_nan=False)


Task = Literal["binary", "multiclass", "regression"]


class Label(Strict):
    """What the model learns to tell.

    Attributes:
        column: the column that holds the label, or its left side when ``above`` is given.
        task: ``binary`` (a 0/1 column or a comparison), ``multiclass`` (one of ``classes``) or ``regression`` (a
            number).
        above: the right side of a comparison; None means that ``column`` itself is the label.
        classes: for ``multiclass``: how many there are, when the column holds integers from 0 on; or their names, when
            it holds strings.
    """

    column: str
    task: Task = "binary"
    above: Above | None = None
    classes: Annotated[int, Field(gt=1)] | tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _fits_the_task(self) -> Label:
        if self.above is not None and self.task != "binary":
            raise ValueError(f"above: a comparison makes a binary label; the task is {self.task}")
        if (self.classes is None) == (self.task == "multiclass"):
            verb = "needs" if self.task == "multiclass" else "has no"
            raise ValueError(f"classes: a {self.task} label {verb} classes (their number or their names)")
        if isinstance(self.classes, tuple) and (len(self.classes) < 2 or len(set(self.classes)) < len(self.classes)):
            raise ValueError("classes: name at least two, each once")
        return self

    def class_names(self) -> tuple[str, ...]:
        """The names of the classes in the order of their ids; those of a binary label are ``"0"`` and ``"1"``."""
        if isinstance(self.classes, tuple):
            return self.classes
        return tuple(map(str, range(self.classes or 2)))

    def of(self, row: Mapping[str, Any]) -> float:
        """The label of one raw row as the model sees it; a missing value counts as 0, as in preprocessing."""
        value = row.get(self.column)
        if isinstance(self.classes, tuple):
            return float(self.classes.index(value)) if value in self.classes else 0.0
        left = float(value or 0)
        if self.task != "binary":
            return left
        if self.above is None:
            return float(left > 0.5)
        return float(left > self.above.times * float(row.get(self.above.column) or 0))


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
        image: pictures, scaled to ``[0, 1]``.
    """

    numeric: tuple[str, ...] = ()
    bucketized: Mapping[str, int] = {}
    vocabulary: Mapping[str, Vocabulary] = {}
    identity: Mapping[str, int] = {}
    image: Mapping[str, Image] = {}

    @model_validator(mode="after")
    def _sizes(self) -> Features:
        for kind in ("bucketized", "identity"):
            for name, size in getattr(self, kind).items():
                if not 2 <= size <= _MOST_IDS:
                    raise ValueError(f"{kind}.{name}: must lie between 2 and {_MOST_IDS:,}, got {size}")
        return self

    def names(self) -> tuple[str, ...]:
        """Every raw feature that the model reads, each once, sorted."""
        return tuple(sorted({*self.numeric, *self.bucketized, *self.vocabulary, *self.identity, *self.image}))

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


class Image(Strict):
    """A picture: encoded bytes (PNG, JPEG, BMP, GIF) or a list of ``height * width * channels`` numbers.

    Attributes:
        scale: what a pixel value is divided by; a model sees values from 0 to 1.
    """

    height: int = Field(gt=0)
    width: int = Field(gt=0)
    channels: Literal[1, 3] = 1
    scale: float = Field(default=255.0, gt=0)


class Model(BaseModel):
    """A network of `trainer.models` by name; every other key is an option of that network's ``build``."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())

    name: str = "wide_and_deep"

    @property
    def options(self) -> dict[str, Any]:
        """The keys beside ``name``."""
        return dict(self.model_extra or {})


class Parameters(Strict):
    """All that crosses from the pipeline to ``preprocessing_fn`` and ``run_fn``.

    Attributes:
        example_weight: the column that says how much each example counts; None means that all count the same.
    """

    label: Label
    features: Features | None = None
    example_weight: str | None = None
    model: Model = Model()
    loop: Loop = Loop()
