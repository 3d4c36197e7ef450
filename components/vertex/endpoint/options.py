"""What `EndpointPusher` is told. Apart from the component, since a configuration is validated without TFX."""

from __future__ import annotations

from pydantic import Field, PositiveInt, model_validator

from components.accelerator import Accelerator
from trainer.options import Strict


class Endpoint(Strict):
    """A Vertex endpoint that the pushed model is deployed to.

    Attributes:
        display_name: of the endpoint; it is created where there is none.
        serving_image: the prediction container, by its digest; Google's prebuilt ones by a tag.
        machine_type: of the servers.
        accelerator: GPUs of each server.
        min_replicas: how many servers there are at least.
        max_replicas: how many at most.
        traffic_percent: the new model's share; the rest goes to the one that had the largest.
        keep: how many former models stay deployed without traffic, for a roll back.
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
            raise ValueError(f"min_replicas: {self.min_replicas} is more than max_replicas, {self.max_replicas}")
        return self
