"""Options of `EndpointPusher`, in a module without TFX, which validating a configuration does not need."""

from __future__ import annotations

from pydantic import Field, PositiveInt, model_validator

from components.accelerator import Accelerator
from trainer.options import Strict


class Endpoint(Strict):
    """A Vertex endpoint that the pushed model is deployed to.

    Attributes:
        display_name: name of the endpoint; a missing one is created.
        serving_image: prediction container, by its digest, or by a tag for Google's prebuilt ones.
        machine_type: machine of each server.
        accelerator: GPUs of each server.
        min_replicas: minimum number of servers.
        max_replicas: maximum number of servers.
        traffic_percent: the new model's share; the rest goes to the model with the largest share before.
        keep: number of former models that stay deployed without traffic, for a rollback.
    """

    display_name: str = Field(min_length=1, max_length=128, pattern=r'^[^"]*$')
    serving_image: str
    machine_type: str = "n1-standard-4"
    accelerator: Accelerator | None = None
    min_replicas: PositiveInt = 1
    max_replicas: PositiveInt = 1
    traffic_percent: int = Field(default=100, ge=1, le=100)
    keep: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _replicas_in_order(self) -> Endpoint:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas: {self.min_replicas} is above max_replicas, {self.max_replicas}")
        return self
