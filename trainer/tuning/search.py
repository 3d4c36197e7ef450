"""The search for hyperparameters: its options, and whether its space fits the trainer's parameters.

No TensorFlow here: a wrong key or value in the space must be reported before anything runs.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, ValidationError, model_validator

from trainer.options import Strict
from trainer.parameters import Parameters
from trainer.tuning.hyperparameters import decoded, with_hyperparameters

# The key under which TFX's custom_config carries a `Search` to tuner_fn.
SEARCH_KEY = "search"
# Keys that are settled before the first trial, or that do not change a model.
_FIXED = (
    "strategy",
    "virtual_devices",
    "validation",
    "memory_mb",
    "deterministic",
    "eager",
    "warm_start",
    "checkpoints",
    "worker_start_seconds",
)

Number = int | Annotated[float, Field(allow_inf_nan=False)]


class Dimension(Strict):
    """The values that one key may take: some choices, or a range.

    Attributes:
        choices: any values that the key itself takes, including lists and null.
        min: the smallest value; if both ends and the step are whole numbers, so are all values between them.
        max: the largest value.
        step: the distance between two values, or with ``log`` sampling the factor. None allows any value.
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
        self._check_range(*self.ends)
        return self

    def _check_range(self, least: Number, greatest: Number) -> None:
        if least >= greatest:
            raise ValueError(f"min must be less than max, got {least} and {greatest}")
        if self.sampling == "log" and least <= 0:
            raise ValueError(f"min must be more than 0 for log sampling, got {least}")
        if self.sampling == "log" and self.step is not None and self.step <= 1:
            raise ValueError(f"step is a factor with log sampling and must be more than 1, got {self.step}")
        if self.step is not None and len(self.points() or ()) < 2:
            raise ValueError(f"step leaves a single value between {least} and {greatest}")

    @property
    def ends(self) -> tuple[Number, Number]:
        """Both ends of a range.

        Raises:
            ValueError: one is missing.
        """
        if self.min is None or self.max is None:
            raise ValueError("a range needs both min and max")
        return self.min, self.max

    @property
    def whole(self) -> bool:
        """Whether a range holds whole numbers only."""
        return all(isinstance(number, int) for number in (self.min, self.max, self.step or 1))

    def points(self) -> Sequence[Any] | None:
        """All values in order; None for a range of infinitely many, or one sampled by magnitude without steps."""
        if self.choices is not None:
            return self.choices
        least, greatest = self.ends
        if self.step is None:
            if isinstance(least, int) and isinstance(greatest, int) and self.sampling == "linear":
                return range(least, greatest + 1)
            return None
        # The slack keeps the last value despite rounding; rounding turns 0.30000000000000004 into 0.3.
        if self.sampling == "linear":
            count = math.floor((greatest - least) / self.step + 1e-9) + 1
            values = [least + index * self.step for index in range(count)]
        else:
            count = math.floor(math.log(greatest / least, self.step) + 1e-9) + 1
            values = [least * self.step**index for index in range(count)]
        return values if self.whole else [float(f"{value:.12g}") for value in values]

    def extremes(self) -> Sequence[Any]:
        """The values that represent all others in a check: every choice, or the ends of a range."""
        return self.choices or self.ends


class Search(Strict):
    """A search for better hyperparameters before the training.

    Attributes:
        algorithm: ``random`` draws every trial afresh; ``bayesian`` learns from the trials so far; ``grid`` tries
            every combination.
        trials: int, the most trainings.
        objective: metric of the rows of train held back that ranks the trials; None means the task's own.
        seed: int, seed of the drawn values; every trial trains with ``loop.seed``.
        space: the values to try, by the dotted path of a key below ``trainer``, such as
            ``loop.optimizer.learning_rate``.
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
            self._check_grid()
        return self

    def _check_grid(self) -> None:
        size = 1
        for path, dimension in self.space.items():
            points = dimension.points()
            if points is None:
                raise ValueError(f"space.{path}: a grid needs a step or choices")
            size *= len(points)
        if size > self.trials:
            raise ValueError(
                f"trials: the grid has {size:,} combinations, more than {self.trials:,} trials; "
                "raise trials, take fewer values, or search at random"
            )

    def candidates(self, parameters: Parameters) -> Iterator[tuple[str, Parameters]]:
        """Each path with the parameters that one of its extreme values yields, all else as configured.

        Raises:
            ValueError: a value is not valid; the message names the path.
        """
        for path, dimension in self.space.items():
            for value in dimension.extremes():
                try:
                    yield path, with_hyperparameters(parameters, {path: encoded(value)})
                except ValidationError as error:
                    raise ValueError(f"space.{path}: {first_error(error)}, got {value!r}") from None

    def check(self, parameters: Parameters) -> None:
        """Check that the search fits the parameters.

        Raises:
            ValueError: a path, a value or the objective does not fit; the message names its key.
        """
        if parameters.loop.strategy == "multi_worker":
            raise ValueError("space: is searched on one machine, and loop.strategy is multi_worker")
        known = parameters.objectives()
        if self.objective is not None and self.objective not in known:
            raise ValueError(f"objective: there is no {self.objective!r}; there are {', '.join(known)}")
        for path in self.space:
            _check_path(path, parameters)
        for _ in self.candidates(parameters):
            pass


def encoded(value: Any) -> int | float | str:
    """A value as KerasTuner can carry it: a number, or text that `hyperparameters.decoded` reads back."""
    plain = isinstance(value, (int, float, str)) and not isinstance(value, bool) and decoded(value) == value
    return value if plain else json.dumps(value)


def _check_path(path: str, parameters: Parameters) -> None:
    known = dict(_paths({key: parameters.model_dump()[key] for key in ("loop", "model")}))
    by_class = isinstance(parameters.loop.class_weights, Mapping)
    classes = {f"loop.class_weights.{name}" for name in parameters.label.class_names() if by_class}
    group, _, rest = path.partition(".")
    if group == "loop" and rest.partition(".")[0] in _FIXED:
        raise ValueError(f"space.{path}: is settled before the first trial and cannot be searched")
    # Only building the network shows which options it has.
    is_model_option = group == "model" and rest.isidentifier()
    if rest and (path in known or path in classes or is_model_option):
        return
    for parent in accumulate(path.split("."), "{}.{}".format):
        if known.get(parent, path) is None:
            raise ValueError(f"space.{path}: {parent} is null; give it a value under trainer.{parent} first")
    raise ValueError(f"space.{path}: unknown key; {_hint(path, [name for name in (*known, *classes) if '.' in name])}")


def _hint(path: str, names: Sequence[str]) -> str:
    """The known key that was meant, by its last part or by its spelling."""
    same = [name for name in names if name.rpartition(".")[2] == path.rpartition(".")[2]]
    close = same or difflib.get_close_matches(path, names, n=1)
    return f"did you mean {close[0]}?" if close else "it must be a key below trainer.loop or trainer.model"


def _paths(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every dotted path in a tree with its value."""
    for key, value in tree.items():
        yield prefix + key, value
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")


def first_error(error: ValidationError) -> str:
    """The first message of pydantic, without its prefix."""
    return error.errors()[0]["msg"].removeprefix("Value error, ")
