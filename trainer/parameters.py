"""The trainer's parameters, as strict and frozen models: label, features, model and loop options.

The pipeline's YAML is validated against the same classes, and TFX carries them to the workers as JSON
(``custom_config``). No TensorFlow here: a configuration error must be reported within a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from trainer.features.columns import Features
from trainer.features.kind import Typed
from trainer.labels.config import Label, Task
from trainer.objectives.function import WithObjectives
from trainer.options import Loop, Strict

# The key under which TFX's custom_config carries the parameters to preprocessing_fn and run_fn.
CUSTOM_CONFIG_KEY = "parameters"
# The key under which it names a folder for checkpoints.
CHECKPOINTS_KEY = "checkpoints"
# The key under which it says who shares them: by default all trainings with the same parameters on the same data, or
# the attempts of one `EXECUTION`.
CHECKPOINTS_OF_KEY = "checkpoints_of"
EXECUTION = "execution"
# In a Model artifact: the Keras file that the training wrote, beside the export.
KERAS_FOLDER = "Format-Keras"
KERAS_FILE = "model.keras"
KERAS_MODEL = f"{KERAS_FOLDER}/{KERAS_FILE}"


# The mean loss among the figures of an evaluation.
LOSS = "loss"
# The metrics while training, by task; the first is the default. The heads compute them.
OBJECTIVES: Mapping[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy", "loss"),
    "multiclass": ("accuracy", "loss"),
    "regression": ("mean_absolute_error", "root_mean_squared_error", "loss"),
}


class Model(BaseModel):
    """A network of `trainer.models` by name; every other key is an option of that network's ``build``.

    Attributes:
        name: the module of the network.
    """

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())

    name: str = "tabm"

    @property
    def options(self) -> dict[str, Any]:
        """The keys other than ``name``."""
        return dict(self.model_extra or {})


class Parameters(WithObjectives, Strict):
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

    def objectives(self) -> tuple[str, ...]:
        """The metrics while training: the task's own, the default first, then those that the config adds."""
        return (*OBJECTIVES[self.label.task], *self.metrics)

    def watched(self) -> str:
        """The figure that ranks models where the options name none; see `trainer.models.heads.Head.watched`."""
        return LOSS if self.loss is not None and self.label.task == "regression" else OBJECTIVES[self.label.task][0]

    def resolved_features(self, raw: Mapping[str, Typed]) -> Features:
        """The configured features, or those inferred from the raw features' types where none are configured.

        Args:
            raw: tensors or their specs by raw feature.
        """
        if self.features is not None:
            return self.features
        others = {*self.label.columns, self.example_weight}
        return Features.infer({name: spec.dtype.name for name, spec in raw.items() if name not in others})
