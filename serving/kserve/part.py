"""KServe's v2 protocol as a part of the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from serving.part import SWITCH, AddFlag, GrpcService, HttpRoutes, Part

if TYPE_CHECKING:
    from serving.api import Api


@dataclass(frozen=True, kw_only=True)
class KServePart(Part):
    """Answers v2 requests on the ports of gRPC and REST; every field is the flag of the same name."""

    title: ClassVar[str] = "other protocols"
    enable_kserve_v2: bool

    @classmethod
    def add_flags(cls, add: AddFlag) -> None:
        """See `Part.add_flags`."""
        add(
            "--enable_kserve_v2",
            default=False,
            help="answer KServe's and Triton's clients (open inference protocol), too",
            **SWITCH,
        )

    def grpc_service(self, api: Api) -> GrpcService | None:
        """See `Part.grpc_service`."""
        if not self.enable_kserve_v2:
            return None
        from serving.kserve.grpc_methods import service

        return service(api)

    def http_routes(self, api: Api) -> HttpRoutes | None:
        """See `Part.http_routes`."""
        if not self.enable_kserve_v2:
            return None
        from serving.kserve.http_routes import KServeRoutes

        return KServeRoutes(api)
