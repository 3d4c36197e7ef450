"""What all kinds of features share: their options, and the ids that stand for no value. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from pydantic import Field

from trainer.features.faults import Fault, RowTest, Seen
from trainer.options import Strict

_MOST_IDS = 1_000_000

# How many ids a feature has whose ids are not learnt.
Size = Annotated[int, Field(ge=2, le=_MOST_IDS)]


class Kind(Strict):
    """The options of a column's kind.

    Attributes:
        kind: the kind's name, a module of `trainer.features.kinds`.
    """

    # The types in a schema that a column may have.
    SCHEMA_TYPES: ClassVar[tuple[str, ...]]

    # Each kind narrows it to its name.
    kind: Any

    @property
    def multivalent(self) -> bool:
        """Whether a row may hold more than one value, so that the column is no part of a matrix."""
        return False

    def values_per_row(self, *, text: bool) -> int | None:
        """How many values a row of a column of text or of numbers holds at most; None if there is no limit."""
        del text
        return 1

    def readings(self, name: str) -> tuple[tuple[str, Kind], ...]:
        """The raw columns that the feature ``name`` reads, each with the options by which it is read."""
        return ((name, self),)

    def holds(self, *, text: bool) -> str:
        """What a column of text or of numbers holds, as the model's metadata say it to those who make requests."""
        del text
        return str(self.kind)

    def faults(self, seen: Seen) -> Iterator[Fault]:
        """What is wrong with a column's values, as far as their statistics tell."""
        limit = self.values_per_row(text=seen.kind == "BYTES")
        if seen.kind not in self.SCHEMA_TYPES:
            is_what = f"text, such as {seen.sample}" if seen.kind == "BYTES" else f"numbers, such as {seen.sample}"
            yield Fault("KIND_TYPE", f"holds {is_what}, which the kind {self.kind} does not read")
        elif limit is not None and seen.most > limit:
            wanted = "one; choose list or vector" if limit == 1 else f"{limit:,}"
            yield Fault(
                "KIND_VALUES", f"holds up to {seen.most:,} values in a row, but the kind {self.kind} reads {wanted}"
            )
        elif limit is not None and 0 < seen.fewest < limit:
            yield Fault(
                "KIND_VALUES", f"holds {seen.fewest:,} values in a row, but the kind {self.kind} reads {limit:,}"
            )

    def row_test(self, seen: Seen) -> RowTest | None:
        """The question about single rows that the statistics leave open, if there is one; there are no `faults`."""
        del seen
        return None


class Typed(Protocol):
    """A tensor, or the spec of one."""

    @property
    def dtype(self) -> Any:
        """TensorFlow's dtype."""


# How a column's ids are made.
BUCKETS, CODES, HASH, WORDS = "buckets", "codes", "hash", "words"


class IdColumn(NamedTuple):
    """A column of ids, without its learnt words.

    The first id stands for a missing value; with codes and words the second one for all values that are unseen.

    Attributes:
        name: the feature's name in the config.
        form: how the ids are made.
        size: int, how many there are.
    """

    name: str
    form: str
    size: int

    @property
    def unlearnt(self) -> int:
        """The number of ids for missing and unseen values."""
        return 2 if self.form in (CODES, WORDS) else 1


class Vocabulary(NamedTuple):
    """What the vocabulary of a column of words holds.

    Attributes:
        top_k: int, the most frequent words.
        min_count: int, those among them that occur at least so often.
    """

    top_k: int
    min_count: int


Options = TypeVar("Options", bound=Kind, covariant=True)


class Column(NamedTuple, Generic[Options]):
    """A feature that the config names.

    Attributes:
        name: the column's name, or the feature's where it reads several columns.
        options: its kind and the kind's options.
    """

    name: str
    options: Options

    @property
    def key(self) -> str:
        """The config's key."""
        return f"features.{self.name}"

    @property
    def readings(self) -> tuple[tuple[str, Kind], ...]:
        """The raw columns that it reads, each with the options by which it is read."""
        return self.options.readings(self.name)

    @property
    def sources(self) -> tuple[str, ...]:
        """The raw columns that it reads."""
        return tuple(source for source, _ in self.readings)
