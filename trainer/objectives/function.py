"""A loss or a metric that the config names: a function of this package or of your own. No TensorFlow here."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator, validate_call

LOSSES, METRICS = "trainer.objectives.losses", "trainer.objectives.metrics"


class Function(BaseModel):
    """A function; every key that the model below does not name is an option, a keyword-only argument of it."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())

    name: str

    @model_validator(mode="before")
    @classmethod
    def _may_be_a_name_alone(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @property
    def options(self) -> dict[str, Any]:
        """The keys that are the function's own."""
        return dict(self.model_extra or {})

    def path(self, package: str) -> str:
        """The function's dotted path.

        Args:
            package: the module of those that have a name without a dot.
        """
        return self.name if "." in self.name else f"{package}.{self.name}"

    def load(self, package: str) -> Callable[..., Any]:
        """The function with its options; what they may be, its annotations say.

        Raises:
            ImportError: there is no such module.
            AttributeError: the module has no such function.
        """
        module, _, name = self.path(package).rpartition(".")
        function = getattr(importlib.import_module(module), name)
        checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(function)
        return functools.partial(checked, **self.options)


class Loss(Function):
    """The loss of an example.

    Attributes:
        name: ``focal`` (binary and multiclass), ``mae``, ``huber`` or ``quantile`` (regression), or the dotted path of
            a function of your own.
    """

    name: str


class OwnMetric(Function):
    """A figure of each example, averaged over all of them with their weights.

    Attributes:
        name: ``brier`` (binary and multiclass), ``pinball`` or ``percentage_error`` (regression), or the dotted path of
            a function of your own; the default is the key.
        higher_is_better: whether a higher figure is better.
    """

    name: str
    higher_is_better: bool = False


def _named(given: Any) -> Any:
    """A metric without a name has that of its key."""
    if not isinstance(given, Mapping):
        return given
    return {key: {"name": key, **entry} if isinstance(entry, Mapping) else entry for key, entry in given.items()}


OwnMetrics = Annotated[Mapping[str, OwnMetric], BeforeValidator(_named)]


class WithObjectives(BaseModel):
    """Loss and metrics beside the defaults.

    Attributes:
        loss: what is minimised, a name or ``{name: NAME, OPTION: VALUE}``; None is cross-entropy, of a regression the
            squared error.
        metrics: further figures by the name they get, each a name or ``{name: NAME, OPTION: VALUE}``. They are part of
            the training's curves and of the evaluation, and may have limits.
    """

    loss: Loss | None = None
    metrics: OwnMetrics = {}

    @model_validator(mode="after")
    def _names_are_identifiers(self) -> Self:
        for name in self.metrics:
            if not name.isidentifier():
                raise ValueError(f"metrics.{name}: the key names the figure; use letters, digits and _ alone")
        return self
