"""EndpointPusher: deploys the pushed version to a Vertex endpoint.

The standard one (`tfx.extensions.google_cloud_ai_platform`) uploads and deploys again when its task is restarted, and
never undeploys a former model.
"""

from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.annotations import InputArtifact, OutputArtifact, Parameter
from components.pushed_model import VERSION_PROPERTY
from components.refusal import GateRefused
from components.vertex.endpoint.options import Endpoint


@component
def EndpointPusher(  # noqa: N802 (TFX names components as classes)
    pushed_model: InputArtifact[standard_artifacts.PushedModel],
    deployed_model: OutputArtifact[standard_artifacts.PushedModel],
    options: Parameter[str],
    project: Parameter[str],
    region: Parameter[str],
    model_name: Parameter[str],
    encryption_key: Parameter[str] = "",
) -> None:
    """Deploy the pushed model.

    Args:
        pushed_model: output of the Pusher.
        deployed_model: gets the resource names of model and endpoint, and the model's id there;
            ``newly_deployed`` is 0 if the model was already deployed.
        options: `Endpoint` as JSON.
        project: id of the project.
        region: region, such as ``europe-west4``.
        model_name: name of the model in requests and in the registry.
        encryption_key: key of new resources; empty for Google's own keys.

    Raises:
        GateRefused: nothing was pushed; the endpoint is unchanged.
        DeploymentFailed: Vertex did not deploy it; the endpoint's traffic is unchanged.
    """
    # It imports Vertex AI's client, which takes seconds that compiling does not need.
    from components.vertex.endpoint.deployment import Location, Pushed, deploy

    if pushed_model.get_int_custom_property("pushed") != 1:
        raise GateRefused("the Pusher did not push the model, so it is not deployed to the endpoint")
    deployment = deploy(
        Pushed(
            destination=pushed_model.get_string_custom_property("pushed_destination"),
            version=pushed_model.get_string_custom_property(VERSION_PROPERTY),
            model_name=model_name,
        ),
        Endpoint.model_validate_json(options),
        Location(project=project, region=region, encryption_key=encryption_key),
    )
    deployed_model.set_string_custom_property("model", deployment.model)
    deployed_model.set_string_custom_property("endpoint", deployment.endpoint)
    deployed_model.set_string_custom_property("deployed_model_id", deployment.deployed_id)
    deployed_model.set_int_custom_property("newly_deployed", int(deployment.new))
