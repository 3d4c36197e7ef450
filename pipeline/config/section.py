"""A section of a configuration that is checked against the label and the features."""

from __future__ import annotations

from collections.abc import Iterator

from trainer.parameters import Parameters, Strict


class Section(Strict):
    """A section whose values depend on what the model learns."""

    def problems(self, parameters: Parameters) -> Iterator[str]:
        """What does not fit ``parameters``, each as ``key: reason`` with the key below this section."""
        del parameters
        yield from ()
