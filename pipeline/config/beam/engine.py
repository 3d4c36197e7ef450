"""What every Beam engine has: its options, and the command-line arguments that Beam gets for them."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from pydantic import Field

from trainer.parameters import Strict

# Without it TFX builds a source distribution of itself for every component, for workers that have the code already.
# It has no other effect where no container is started: a worker pool ignores images.
NO_SDIST = "--sdk_container_image=none"


class Engine(Strict):
    """An engine; each of its subclasses has a field ``runner``, whose literal value names it in a config.

    Attributes:
        limit_minutes: minutes after which a component's Beam job is cancelled, and the run fails.
        not_here: why a run that starts on this machine cannot use the engine; None where it can.
    """

    not_here: ClassVar[str | None] = None

    limit_minutes: float = Field(default=240, gt=0)

    @abstractmethod
    def arguments(self) -> list[str]:
        """Beam's arguments, with everything pinned that would otherwise reach for the network."""

    @property
    def image_key(self) -> tuple[str, str | None]:
        """The config key of the image that the engine's workers start, and its value."""
        return "beam.worker_image", None
