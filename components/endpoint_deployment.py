"""Deploys a pushed version to a Vertex endpoint: registered, given its share of the traffic, the former ones kept.

Every step looks first at what is there, so that a task that was started again goes on where the first one ended.
"""

from __future__ import annotations

import concurrent.futures
from dataclasses import dataclass
from typing import TypeVar

from google.api_core import exceptions
from google.api_core.operation import Operation
from google.cloud import aiplatform_v1 as vertex

from components import vertex_api
from components.endpoint_options import Endpoint
from components.endpoint_traffic import traffic_split

_Result = TypeVar("_Result")
_CALL_SECONDS = 60.0
# What Vertex itself gives the two before it calls them failed, rounded up.
_UPLOAD_SECONDS = 1800.0
_DEPLOY_SECONDS = 5400.0
_LONGEST_DEPLOYED_ID = 10


class DeploymentFailed(Exception):
    """The endpoint does not serve the model; its traffic is what it was. One or two lines: what, where, what to do."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """The version to deploy.

    Attributes:
        destination: its folder, ``gs://BUCKET/.../VERSION``.
        version: its number.
        model_name: the name that requests use.
    """

    destination: str
    version: str
    model_name: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to deploy to.

    Attributes:
        project: the project's id.
        region: such as ``europe-west4``.
        encryption_key: for what is created there; empty for Google's own keys.
    """

    project: str
    region: str
    encryption_key: str = ""

    @property
    def parent(self) -> str:
        """The resource name of the location."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def encryption(self) -> vertex.EncryptionSpec | None:
        """How what is created there is encrypted."""
        return vertex.EncryptionSpec(kms_key_name=self.encryption_key) if self.encryption_key else None


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What stands on the endpoint now.

    Attributes:
        model: the resource name of the registered version, ``.../models/ID@VERSION_ID``.
        endpoint: the resource name of the endpoint.
        deployed_id: the model's id on the endpoint.
        new: False where it stood there before.
    """

    model: str
    endpoint: str
    deployed_id: str
    new: bool


def deploy(pushed: Pushed, options: Endpoint, place: Place) -> Deployment:
    """Make the endpoint serve ``pushed``.

    A version that stands there already is not deployed again, and its traffic is left as it is: somebody may have
    rolled it back.

    Raises:
        DeploymentFailed: see there.
    """
    step = _Step(place)
    machines = _machines(options)
    with step("connect"):
        models = vertex_api.client(vertex.ModelServiceClient, region=place.region)
        endpoints = vertex_api.client(vertex.EndpointServiceClient, region=place.region)
    with step(f"register version {pushed.version} of model {pushed.model_name}"):
        model = _registered(models, pushed, options, place)
    with step(f"get or create endpoint {options.display_name!r}"):
        endpoint = _endpoint(endpoints, options, place)
    deployed_id = _find(endpoint, model)
    new = deployed_id is None
    if deployed_id is None:
        with step(f"deploy version {pushed.version} to endpoint {options.display_name!r} (its traffic is unchanged)"):
            deployed_id = _deploy(endpoints, endpoint, model, machines, pushed=pushed, options=options, place=place)
    with step(
        f"undeploy former versions from endpoint {options.display_name!r} (version {pushed.version} is deployed)"
    ):
        _undeploy_surplus(endpoints, endpoint.name, model, place, deployed_id=deployed_id, keep=options.keep)
    return Deployment(
        model=f"{model.name}@{model.version_id}", endpoint=endpoint.name, deployed_id=deployed_id, new=new
    )


class _Step:
    """A context that turns Vertex's errors into `DeploymentFailed`, with what was being done."""

    def __init__(self, place: Place):
        self._place = place
        self._doing = ""

    def __call__(self, doing: str) -> _Step:
        self._doing = doing
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, vertex_api.ERRORS):
            place = self._place
            raise DeploymentFailed(
                vertex_api.explain(
                    error, doing=self._doing, project=place.project, region=place.region, seconds=_CALL_SECONDS
                )
            ) from error


def _finished(operation: Operation, kind: type[_Result], place: Place, *, seconds: float) -> _Result:
    """The result of a long-running operation."""
    try:
        return vertex_api.finished(operation, kind, region=place.region, seconds=seconds)
    except concurrent.futures.TimeoutError:
        raise DeploymentFailed(
            f"{operation.operation.name}: not finished after {seconds / 60:.0f} minutes; look at it in the console."
        ) from None


def _machines(options: Endpoint) -> vertex.DedicatedResources:
    machine = vertex.MachineSpec(machine_type=options.machine_type)
    if options.accelerator:
        known = [kind.name for kind in vertex.AcceleratorType if kind]
        if options.accelerator.type not in known:
            raise DeploymentFailed(
                f"platform.endpoint.accelerator.type: Vertex has no {options.accelerator.type!r}; "
                f"it has {', '.join(known)}."
            )
        machine.accelerator_type = vertex.AcceleratorType[options.accelerator.type]
        machine.accelerator_count = options.accelerator.count
    return vertex.DedicatedResources(
        machine_spec=machine, min_replica_count=options.min_replicas, max_replica_count=options.max_replicas
    )


def _registered(models: vertex.ModelServiceClient, pushed: Pushed, options: Endpoint, place: Place) -> vertex.Model:
    """The version in the registry, found by its alias or uploaded."""
    model_id = pushed.model_name.lower()
    name = f"{place.parent}/models/{model_id}"
    # An alias begins with a letter; the registry counts its versions itself.
    alias = f"v{pushed.version}"
    known = _get_model(models, f"{name}@{alias}")
    if known is None:
        request = vertex.UploadModelRequest(
            parent=place.parent,
            model=vertex.Model(
                display_name=pushed.model_name,
                artifact_uri=pushed.destination,
                container_spec=vertex.ModelContainerSpec(image_uri=options.serving_image),
                version_aliases=[alias, "default"],
                encryption_spec=place.encryption,
            ),
        )
        if _get_model(models, name) is None:
            request.model_id = model_id
        else:
            request.parent_model = name
        operation = models.upload_model(request, **vertex_api.once(_CALL_SECONDS))
        uploaded = _finished(operation, vertex.UploadModelResponse, place, seconds=_UPLOAD_SECONDS)
        known = vertex.Model(name=name, version_id=uploaded.model_version_id, artifact_uri=pushed.destination)
    if known.artifact_uri != pushed.destination:
        raise DeploymentFailed(
            f"{name}@{alias}: was registered from {known.artifact_uri}, not from {pushed.destination}; "
            "give one of the two another serving.model_name."
        )
    return vertex.Model(name=name, version_id=known.version_id)


def _get_model(models: vertex.ModelServiceClient, name: str) -> vertex.Model | None:
    try:
        return models.get_model(name=name, **vertex_api.bounded(_CALL_SECONDS))
    except exceptions.NotFound:
        return None


def _endpoint(endpoints: vertex.EndpointServiceClient, options: Endpoint, place: Place) -> vertex.Endpoint:
    request = vertex.ListEndpointsRequest(parent=place.parent, filter=f'display_name="{options.display_name}"')
    found = list(endpoints.list_endpoints(request, **vertex_api.bounded(_CALL_SECONDS)))
    if len(found) > 1:
        names = ", ".join(endpoint.name for endpoint in found)
        raise DeploymentFailed(
            f"endpoint {options.display_name!r}: there are {len(found)} of it ({names}); rename all but one."
        )
    if found:
        return found[0]
    new = vertex.Endpoint(display_name=options.display_name, encryption_spec=place.encryption)
    operation = endpoints.create_endpoint(parent=place.parent, endpoint=new, **vertex_api.once(_CALL_SECONDS))
    return _finished(operation, vertex.Endpoint, place, seconds=_UPLOAD_SECONDS)


def _deploy(
    endpoints: vertex.EndpointServiceClient,
    endpoint: vertex.Endpoint,
    model: vertex.Model,
    machines: vertex.DedicatedResources,
    *,
    pushed: Pushed,
    options: Endpoint,
    place: Place,
) -> str:
    """Deploy and wait; the traffic moves when the servers are up, and not before."""
    operation = endpoints.deploy_model(
        endpoint=endpoint.name,
        deployed_model=vertex.DeployedModel(
            # With an id of ours, a task that was started again cannot deploy beside the first one.
            id=pushed.version if len(pushed.version) <= _LONGEST_DEPLOYED_ID else "",
            model=f"{model.name}@{model.version_id}",
            display_name=f"{pushed.model_name}-{pushed.version}",
            dedicated_resources=machines,
        ),
        traffic_split=traffic_split(endpoint.traffic_split, percent=options.traffic_percent),
        **vertex_api.once(_CALL_SECONDS),
    )
    return _finished(operation, vertex.DeployModelResponse, place, seconds=_DEPLOY_SECONDS).deployed_model.id


def _find(endpoint: vertex.Endpoint, model: vertex.Model) -> str | None:
    """The id under which ``model`` is deployed."""
    for deployed in endpoint.deployed_models:
        if _same_model(deployed, model) and deployed.model_version_id == model.version_id:
            return deployed.id
    return None


def _same_model(deployed: vertex.DeployedModel, model: vertex.Model) -> bool:
    # The project is a number in one resource name and an id in the other.
    return deployed.model.rpartition("/")[2].partition("@")[0] == model.name.rpartition("/")[2]


def _undeploy_surplus(
    endpoints: vertex.EndpointServiceClient,
    endpoint_name: str,
    model: vertex.Model,
    place: Place,
    *,
    deployed_id: str,
    keep: int,
) -> None:
    """Undeploy the oldest versions of ``model`` that have no traffic, but for the newest ``keep``."""
    endpoint = endpoints.get_endpoint(name=endpoint_name, **vertex_api.bounded(_CALL_SECONDS))
    idle = [
        deployed
        for deployed in endpoint.deployed_models
        if _same_model(deployed, model) and deployed.id != deployed_id and not endpoint.traffic_split.get(deployed.id)
    ]
    idle.sort(key=lambda deployed: deployed.create_time, reverse=True)
    for deployed in idle[keep:]:
        operation = endpoints.undeploy_model(
            endpoint=endpoint_name, deployed_model_id=deployed.id, **vertex_api.once(_CALL_SECONDS)
        )
        _finished(operation, vertex.UndeployModelResponse, place, seconds=_UPLOAD_SECONDS)
