"""What people should know of a model that no figure says."""

from __future__ import annotations

from trainer.parameters import Strict


class Card(Strict):
    """The model card on the report page, beside the figures of the run; texts that are empty are left out.

    Attributes:
        purpose: what the model is for, and what it must not be used for.
        data: where the data come from, and what they lack.
        limits: where the model is known to be wrong, and whom that may harm.
        owner: who answers for it, such as a team and its address.
    """

    purpose: str = ""
    data: str = ""
    limits: str = ""
    owner: str = ""
