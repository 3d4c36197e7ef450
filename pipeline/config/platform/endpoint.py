"""The Vertex endpoint that the pushed model is deployed to, as a part of ``platform``."""

from __future__ import annotations

from pydantic import model_validator

from components.vertex.endpoint.options import Endpoint
from pipeline.config.platform.platform import Platform


class WithEndpoint(Platform):
    """What an endpoint adds to a platform.

    Attributes:
        endpoint: the endpoint that the pushed model is deployed to as well; None deploys to the bucket alone.
    """

    endpoint: Endpoint | None = None

    @model_validator(mode="after")
    def _endpoint_can_read(self) -> WithEndpoint:
        if self.endpoint and not self.serving.startswith("gs://"):
            raise ValueError(f"serving: {self.serving!r} must be a gs:// folder, since an endpoint reads it from there")
        return self
