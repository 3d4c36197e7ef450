"""The trainer's parameters, as strict and frozen models: label, features, model and loop options.

The pipeline's YAML is validated against the same classes, and TFX carries them to the workers as JSON
(``custom_config``). No TensorFlow here: a configuration error must be reported within a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trainer.features.columns import Features
from trainer.features.kind import Typed
from trainer.options import Loop, Strict

# The key under which TFX's custom_config carries the parameters to preprocessing_fn and run_fn.
CUSTOM_CONFIG_KEY = "parameters"
# The key under which it names a folder for checkpoints.
CHECKPOINTS_KEY = "checkpoints"
# The key under which it says who shares them: by default all trainings with the same parameters on the same data, or
# the attempts of one `EXECUTION`.
CHECKPOINTS_OF_KEY = "checkpoints_of"
EXECUTION = "execution"


class Above(Strict):
    """The right side of a comparison: ``label = column > times * other column``.

    Attributes:
        column: the other column.
        times: the factor.
    """

    column: str
    times: float = Field(gt=0, allow_inf_nan=False)


Task = Literal["binary", "multiclass", "regression"]

# The metrics of the eval split while training, by task; the first is the default. The heads compute them.
OBJECTIVES: Mapping[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy", "loss"),
    "multiclass": ("accuracy", "loss"),
    "regression": ("mean_absolute_error", "root_mean_squared_error", "loss"),
}


class Label(Strict):
    """What the model learns to predict.

    Attributes:
        column: the column that holds the label, or its left side when ``above`` is given.
        task: ``binary`` (a 0/1 column or a comparison), ``multiclass`` (one of ``classes``) or ``regression`` (a
            number).
        above: the right side of a comparison; None means that ``column`` itself is the label.
        classes: for ``multiclass``: the number of classes if the column holds integers from 0 on, or their names if it
            holds strings.
        missing: whether rows without a label are left out (``drop``), or one of them stops the run (``refuse``).
    """

    column: str
    task: Task = "binary"
    above: Above | None = None
    classes: Annotated[int, Field(gt=1)] | tuple[str, ...] | None = None
    missing: Literal["refuse", "drop"] = "refuse"

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


class Model(BaseModel):
    """A network of `trainer.models` by name; every other key is an option of that network's ``build``.

    Attributes:
        name: the module of the network.
    """

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())

    name: str = "wide_and_deep"

    @property
    def options(self) -> dict[str, Any]:
        """The keys other than ``name``."""
        return dict(self.model_extra or {})


class Parameters(Strict):
    """Everything that the pipeline passes to ``preprocessing_fn`` and ``run_fn``.

    Attributes:
        label: what the model learns to predict.
        features: the columns that the model sees; None infers them from the columns' types.
        example_weight: the column with the weight of each example; None weights all examples equally.
        model: the network and its options.
        loop: the training loop's options.
    """

    label: Label
    features: Features | None = None
    example_weight: str | None = None
    model: Model = Model()
    loop: Loop = Loop()

    def resolved_features(self, raw: Mapping[str, Typed]) -> Features:
        """The configured features, or those inferred from the raw features' types where none are configured.

        Args:
            raw: tensors or their specs by raw feature.
        """
        if self.features is not None:
            return self.features
        above = self.label.above
        others = {self.label.column, self.example_weight, above.column if above else None}
        return Features.infer({name: spec.dtype.name for name, spec in raw.items() if name not in others})
