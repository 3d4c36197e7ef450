"""One change of the product that has to make a test fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One change of the product that has to make a test fail.

    Attributes:
        name: what is broken.
        file: path of the module, from the project's root.
        original: a text that stands in the module exactly once.
        broken: its replacement.
        tests: pytest's arguments: the tests that have to notice.
    """

    name: str
    file: str
    original: str
    broken: str
    tests: tuple[str, ...]

    def plant(self, source: str) -> str:
        """The module's source with the mutation in it.

        Raises:
            ValueError: the text that is replaced does not stand there exactly once.
        """
        found = source.count(self.original)
        if found != 1:
            raise ValueError(f"{self.file}: {self.original!r} stands there {found} times, not once")
        return source.replace(self.original, self.broken)
