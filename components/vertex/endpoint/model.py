"""A pushed version in Vertex's registry of models: found by its alias, or uploaded."""

from __future__ import annotations

from google.api_core import exceptions
from google.cloud import aiplatform_v1 as vertex

from components.vertex import api
from components.vertex.endpoint import calls
from components.vertex.endpoint.calls import CALL_SECONDS, DeploymentFailed, Location, Pushed
from components.vertex.endpoint.options import Endpoint


def registered(
    models: vertex.ModelServiceClient, pushed: Pushed, options: Endpoint, location: Location
) -> vertex.Model:
    """The version in the registry, with its name and version id.

    Raises:
        DeploymentFailed: the version was registered from another folder, or its upload does not end.
    """
    name = f"{location.parent}/models/{pushed.model_name.lower()}"
    # An alias begins with a letter; the registry numbers its versions itself.
    alias = f"v{pushed.version}"

    def attempt() -> vertex.Model | None:
        # Ask this first, so that no upload can end between the two queries: the registry accepts an alias twice.
        if _is_uploading(name, location):
            return None
        known = _get(models, f"{name}@{alias}")
        return known or _upload(models, name, alias, pushed, options=options, location=location)

    known = calls.once_free(attempt, seconds=calls.UPLOAD_SECONDS, busy=f"{name}: an upload")
    if known.artifact_uri != pushed.destination:
        raise DeploymentFailed(
            f"{name}@{alias}: was registered from {known.artifact_uri}, not from {pushed.destination}; "
            "give one of the two another serving.model_name."
        )
    return vertex.Model(name=name, version_id=known.version_id)


def _upload(
    models: vertex.ModelServiceClient, name: str, alias: str, pushed: Pushed, *, options: Endpoint, location: Location
) -> vertex.Model:
    request = vertex.UploadModelRequest(
        parent=location.parent,
        model=vertex.Model(
            display_name=pushed.model_name,
            artifact_uri=pushed.destination,
            container_spec=vertex.ModelContainerSpec(image_uri=options.serving_image),
            version_aliases=[alias, "default"],
            encryption_spec=location.encryption,
        ),
    )
    if _get(models, name) is None:
        request.model_id = name.rpartition("/")[2]
    else:
        request.parent_model = name
    operation = models.upload_model(request, **api.once(CALL_SECONDS))
    uploaded = calls.finished(operation, vertex.UploadModelResponse, location, seconds=calls.UPLOAD_SECONDS)
    return vertex.Model(name=name, version_id=uploaded.model_version_id, artifact_uri=pushed.destination)


def _get(models: vertex.ModelServiceClient, name: str) -> vertex.Model | None:
    try:
        return models.get_model(name=name, **api.bounded(CALL_SECONDS))
    except exceptions.NotFound:
        return None


def _is_uploading(name: str, location: Location) -> bool:
    """Whether an upload of the model is running; the operation does not name the version."""
    try:
        under_way = api.under_way(name, region=location.region, **api.bounded(CALL_SECONDS))
        return any(each.metadata.Is(vertex.UploadModelOperationMetadata.pb().DESCRIPTOR) for each in under_way)
    except exceptions.NotFound:
        return False
