"""Deploys a pushed version to a Vertex endpoint: registers it, gives it traffic, and keeps former versions.

Each step first looks at the current state, so a restarted task continues where the first one stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from google.cloud import aiplatform_v1 as vertex

from components.vertex import api
from components.vertex.endpoint import calls
from components.vertex.endpoint import model as endpoint_model
from components.vertex.endpoint.calls import CALL_SECONDS, DeploymentFailed, Location, Pushed, Step
from components.vertex.endpoint.options import Endpoint
from components.vertex.endpoint.traffic import traffic_split

_LONGEST_DEPLOYED_ID = 10


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A version on the endpoint.

    Attributes:
        model: resource name of the registered version, ``.../models/ID@VERSION_ID``.
        endpoint: resource name of the endpoint.
        deployed_id: id of the model on the endpoint.
        new: False if it was already deployed.
    """

    model: str
    endpoint: str
    deployed_id: str
    new: bool


def deploy(pushed: Pushed, options: Endpoint, location: Location) -> Deployment:
    """Make the endpoint serve ``pushed``.

    A version that is already deployed keeps its traffic: somebody may have rolled it back.

    Raises:
        DeploymentFailed: Vertex did not deploy it; the endpoint's traffic is unchanged.
    """
    step = Step(location)
    machines = _machines(options)
    with step("connect"):
        models = api.client(vertex.ModelServiceClient, region=location.region)
        endpoints = api.client(vertex.EndpointServiceClient, region=location.region)
    with step(f"register version {pushed.version} of model {pushed.model_name}"):
        model = endpoint_model.registered(models, pushed, options, location)
    with step(f"get or create endpoint {options.display_name!r}"):
        endpoint = _endpoint(endpoints, options, location)
    deployed_id = _find(endpoint, model)
    new = deployed_id is None
    if deployed_id is None:
        with step(f"deploy version {pushed.version} to endpoint {options.display_name!r} (its traffic is unchanged)"):
            deployed_id = _deploy(
                endpoints, endpoint.name, model, machines, pushed=pushed, options=options, location=location
            )
    with step(
        f"undeploy former versions from endpoint {options.display_name!r} (version {pushed.version} is deployed)"
    ):
        _undeploy_surplus(endpoints, endpoint.name, model, location, deployed_id=deployed_id, keep=options.keep)
    return Deployment(
        model=f"{model.name}@{model.version_id}", endpoint=endpoint.name, deployed_id=deployed_id, new=new
    )


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


def _endpoint(endpoints: vertex.EndpointServiceClient, options: Endpoint, location: Location) -> vertex.Endpoint:
    request = vertex.ListEndpointsRequest(parent=location.parent, filter=f'display_name="{options.display_name}"')
    found = list(endpoints.list_endpoints(request, **api.bounded(CALL_SECONDS)))
    if len(found) > 1:
        names = ", ".join(endpoint.name for endpoint in found)
        raise DeploymentFailed(
            f"endpoint {options.display_name!r}: this name has {len(found)} endpoints ({names}); rename all but one."
        )
    if found:
        return found[0]
    new = vertex.Endpoint(display_name=options.display_name, encryption_spec=location.encryption)
    operation = endpoints.create_endpoint(parent=location.parent, endpoint=new, **api.once(CALL_SECONDS))
    return calls.finished(operation, vertex.Endpoint, location, seconds=calls.UPLOAD_SECONDS)


def _deploy(
    endpoints: vertex.EndpointServiceClient,
    endpoint_name: str,
    model: vertex.Model,
    machines: vertex.DedicatedResources,
    *,
    pushed: Pushed,
    options: Endpoint,
    location: Location,
) -> str:
    """Deploy and wait; the traffic moves only when the servers are up."""
    # With a fixed id, Vertex refuses the second deployment of a restarted task.
    wanted_id = pushed.version if len(pushed.version) <= _LONGEST_DEPLOYED_ID else ""

    def attempt() -> str:
        endpoint = endpoints.get_endpoint(name=endpoint_name, **api.bounded(CALL_SECONDS))
        deployed_id = _find(endpoint, model)
        if deployed_id is not None:
            return deployed_id
        if any(deployed.id == wanted_id for deployed in endpoint.deployed_models):
            raise DeploymentFailed(
                f"{endpoint_name}: another model is deployed there with the id {wanted_id}; undeploy it."
            )
        operation = endpoints.deploy_model(
            endpoint=endpoint_name,
            deployed_model=vertex.DeployedModel(
                id=wanted_id,
                model=f"{model.name}@{model.version_id}",
                display_name=f"{pushed.model_name}-{pushed.version}",
                dedicated_resources=machines,
            ),
            traffic_split=traffic_split(_shares(endpoint), percent=options.traffic_percent),
            **api.once(CALL_SECONDS),
        )
        done = calls.finished(operation, vertex.DeployModelResponse, location, seconds=calls.DEPLOY_SECONDS)
        return done.deployed_model.id

    return calls.once_free(attempt, seconds=calls.DEPLOY_SECONDS, busy=f"{endpoint_name}: a deployment")


def _created(deployed: vertex.DeployedModel) -> datetime:
    # proto-plus converts the Timestamp of the annotation.
    return cast(datetime, deployed.create_time)


def _shares(endpoint: vertex.Endpoint) -> dict[str, int]:
    """The traffic of each deployed model, oldest first."""
    deployed = sorted(endpoint.deployed_models, key=_created)
    return {each.id: endpoint.traffic_split.get(each.id, 0) for each in deployed}


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
    location: Location,
    *,
    deployed_id: str,
    keep: int,
) -> None:
    """Undeploy the versions of ``model`` without traffic, except for the newest ``keep``."""
    endpoint = endpoints.get_endpoint(name=endpoint_name, **api.bounded(CALL_SECONDS))
    idle = [
        deployed
        for deployed in endpoint.deployed_models
        if _same_model(deployed, model) and deployed.id != deployed_id and not endpoint.traffic_split.get(deployed.id)
    ]
    idle.sort(key=_created, reverse=True)
    for deployed in idle[keep:]:
        operation = endpoints.undeploy_model(
            endpoint=endpoint_name, deployed_model_id=deployed.id, **api.once(CALL_SECONDS)
        )
        calls.finished(operation, vertex.UndeployModelResponse, location, seconds=calls.UPLOAD_SECONDS)
