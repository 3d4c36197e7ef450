"""The search for hyperparameters: its options, and whether its space fits the trainer's parameters.

No TensorFlow here: a wrong key or value in the space has to be told before anything runs.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, ValidationError, model_validator

from trainer.options import Strict
from trainer.parameters import Parameters, Task
from trainer.tuning.hyperparameters import decoded, with_hyperparameters

# Where TFX's custom_config carries a `Search` to tuner_fn.
SEARCH_KEY = "search"
# What the eval split of each task is judged by; the first is the task's own. The heads compute them.
OBJECTIVES: Mapping[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy", "loss"),
    "multiclass": ("accuracy", "loss"),
    "regression": ("mean_absolute_error", "root_mean_squared_error", "loss"),
}
# Keys that are settled once, before the first trial, or that change no model.
_FIXED = ("strategy", "memory_mb", "deterministic", "eager", "warm_start", "checkpoints", "worker_start_seconds")

Number = int | Annotated[float, Field(allow_inf_nan=False)]


class Dimension(Strict):
    """The values that one key may take: some choices, or a range.

    Attributes:
        choices: any values that the key itself takes, lists and null included.
        min: the least value; where both ends and the step are whole numbers, so are the values between.
        max: the greatest value.
        step: between two values; with ``log`` sampling the factor between them. None means any value.
        sampling: ``log`` gives each order of magnitude the same share.
    """

    choices: tuple[Any, ...] | None = None
    min: Number | None = None
    max: Number | None = None
    step: Annotated[Number, Field(gt=0)] | None = None
    sampling: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _choices_or_range(self) -> Dimension:
        if (self.choices is None) == (self.min is None and self.max is None):
            raise ValueError("give choices, or min and max")
        if self.choices is not None:
            if self.step is not None or self.sampling != "linear":
                raise ValueError("step and sampling belong to min and max, not to choices")
            if len({json.dumps(choice, sort_keys=True) for choice in self.choices}) < max(2, len(self.choices)):
                raise ValueError("choices: name at least two, each once")
            return self
        if self.min is None or self.max is None:
            raise ValueError("a range needs both min and max")
        if self.min >= self.max:
            raise ValueError(f"min must be less than max, got {self.min} and {self.max}")
        if self.sampling == "log" and self.min <= 0:
            raise ValueError(f"min must be more than 0 for log sampling, got {self.min}")
        if self.sampling == "log" and self.step is not None and self.step <= 1:
            raise ValueError(f"step is a factor with log sampling and must be more than 1, got {self.step}")
        if self.step is not None and len(self.points()) < 2:
            raise ValueError(f"step leaves a single value between {self.min} and {self.max}")
        return self

    @property
    def whole(self) -> bool:
        """Whether a range holds whole numbers only."""
        return all(isinstance(number, int) for number in (self.min, self.max, self.step or 1))

    def points(self) -> Sequence[Any] | None:
        """All values in order; None for a range without steps of other than whole numbers."""
        if self.choices is not None:
            return self.choices
        if self.step is None:
            return range(self.min, self.max + 1) if self.whole and self.sampling == "linear" else None
        # The slack keeps the last value in spite of rounding; rounding keeps 0.3 from being 0.30000000000000004.
        if self.sampling == "linear":
            count = math.floor((self.max - self.min) / self.step + 1e-9) + 1
            values = [self.min + index * self.step for index in range(count)]
        else:
            count = math.floor(math.log(self.max / self.min, self.step) + 1e-9) + 1
            values = [self.min * self.step**index for index in range(count)]
        return values if self.whole else [float(f"{value:.12g}") for value in values]

    def extremes(self) -> Sequence[Any]:
        """The values that stand for all in a check: every choice, or the ends of a range."""
        return self.choices or (self.min, self.max)


class Search(Strict):
    """A search for better hyperparameters before the training.

    Attributes:
        algorithm: ``random`` draws every trial afresh; ``bayesian`` learns from the trials so far; ``grid`` tries
            every combination.
        trials: how many trainings at most.
        objective: the eval split's metric that tells a better trial; None means the task's own.
        seed: of the values that are drawn; every trial trains with ``loop.seed``.
        space: by the dotted path of a key below ``trainer``, such as ``loop.optimizer.learning_rate``.
    """

    algorithm: Literal["random", "bayesian", "grid"] = "random"
    trials: PositiveInt = 10
    objective: str | None = None
    seed: int = Field(default=0, ge=0, lt=2**31)
    space: Mapping[str, Dimension] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Search:
        for path in self.space:
            inside = next((other for other in self.space if other.startswith(f"{path}.")), None)
            if inside:
                raise ValueError(f"space.{inside}: lies within {path}, which is searched as well; drop one")
        if self.algorithm == "grid":
            for path, dimension in self.space.items():
                if dimension.points() is None:
                    raise ValueError(f"space.{path}: a grid needs a step or choices")
            size = math.prod(len(dimension.points()) for dimension in self.space.values())
            if size > self.trials:
                raise ValueError(
                    f"trials: the grid has {size:,} combinations, more than {self.trials:,} trials; "
                    "raise trials, take fewer values, or search at random"
                )
        return self

    def candidates(self, parameters: Parameters) -> Iterator[tuple[str, Parameters]]:
        """Each path with the parameters as one of its extreme values makes them, the others left as configured.

        Raises:
            ValueError: a value is not valid; with the path.
        """
        for path, dimension in self.space.items():
            for value in dimension.extremes():
                try:
                    yield path, with_hyperparameters(parameters, {path: encoded(value)})
                except ValidationError as error:
                    raise ValueError(f"space.{path}: {first_error(error)}, got {value!r}") from None

    def check(self, parameters: Parameters) -> None:
        """See whether the search fits what it is to improve.

        Raises:
            ValueError: a path, a value or the objective does not; with its key.
        """
        if parameters.loop.strategy == "multi_worker":
            raise ValueError("space: is searched on one machine, and loop.strategy is multi_worker")
        known = OBJECTIVES[parameters.label.task]
        if self.objective is not None and self.objective not in known:
            raise ValueError(f"objective: there is no {self.objective!r}; there are {', '.join(known)}")
        for path in self.space:
            _check_path(path, parameters)
        for _ in self.candidates(parameters):
            pass


def encoded(value: Any) -> int | float | str:
    """A value as KerasTuner can carry it: a number, or text that `decoded` of the hyperparameters reads back."""
    plain = isinstance(value, (int, float, str)) and not isinstance(value, bool) and decoded(value) == value
    return value if plain else json.dumps(value)


def _check_path(path: str, parameters: Parameters) -> None:
    known = dict(_paths({key: parameters.model_dump()[key] for key in ("loop", "model")}))
    group, _, rest = path.partition(".")
    if group == "loop" and rest.partition(".")[0] in _FIXED:
        raise ValueError(f"space.{path}: is settled before the first trial and cannot be searched")
    classes = {f"loop.class_weights.{name}" for name in parameters.label.class_names()}
    if "." in path and (path in known or path in classes or (group == "model" and rest.isidentifier())):
        return
    for end in (index for index, letter in enumerate(path) if letter == "."):
        if path[:end] in known and known[path[:end]] is None:
            raise ValueError(f"space.{path}: {path[:end]} is null; give it a value under trainer.{path[:end]} first")
    names = [name for name in [*known, *classes] if "." in name]
    same = [name for name in names if name.rpartition(".")[2] == path.rpartition(".")[2]]
    close = same or difflib.get_close_matches(path, names, n=1)
    hint = f"did you mean {close[0]}?" if close else "it must be a key below trainer.loop or trainer.model"
    raise ValueError(f"space.{path}: unknown key; {hint}")


def _paths(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every dotted path in a tree with what is there."""
    for key, value in tree.items():
        yield prefix + key, value
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")


def first_error(error: ValidationError) -> str:
    """The first of what pydantic has to say, without its frame."""
    return error.errors()[0]["msg"].removeprefix("Value error, ")
