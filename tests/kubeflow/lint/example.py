"""What a test puts in place of a profile's placeholders."""

from __future__ import annotations

from dataclasses import dataclass

PIN = "@sha256:" + "0123456789abcdef" * 4


@dataclass(frozen=True, kw_only=True)
class Example:
    """Names that could be real.

    Attributes:
        image: image of all nodes.
        accelerator: the platform's name of a GPU.
        serving: folder of the served models.
        state: folder of checkpoints and notices.
        overrides: ``key=value`` words for the profile.
    """

    image: str
    accelerator: str
    serving: str
    state: str
    overrides: tuple[str, ...] = ()
