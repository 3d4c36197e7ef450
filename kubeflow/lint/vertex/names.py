"""Does Vertex take the names of the profile: region, network, key, account?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.forms.google import account_violation, region_violation
from kubeflow.lint.violation import Violation
from kubeflow.platform import platform_of
from pipeline.config.config import Config
from pipeline.config.platform.vertex import Vertex

_NETWORK = re.compile(r"projects/(?P<project>[^/]+)/global/networks/[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_KEY = re.compile(
    r"projects/[^/]+/locations/(?P<location>[^/]+)/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}"
)


def region(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The API's host is REGION-aiplatform.googleapis.com (cloud.google.com/vertex-ai/docs/general/locations)."""
    del pipeline
    yield from region_violation("platform.region", platform_of(config, Vertex).region)


def service_account(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Vertex refuses the run (PipelineJob.service_account in the API's reference; the form is IAM's)."""
    del pipeline
    account = platform_of(config, Vertex).service_account
    if account is not None:
        yield from account_violation("platform.service_account", account)


def network(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Vertex refuses the run (PipelineJob.network: "{project} is a project number", in aiplatform_v1/types)."""
    del pipeline
    name = platform_of(config, Vertex).network
    if name is None:
        return
    found = _NETWORK.fullmatch(name)
    if not found:
        what = f"{name} does not have the form projects/NUMBER/global/networks/NAME"
        yield Violation(where="platform.network", what=what, fix="write the full name of the network")
    elif not found["project"].isdecimal():
        project = found["project"]
        fix = f"write the one of `gcloud projects describe {project} --format='value(projectNumber)'`"
        yield Violation(where="platform.network", what=f"{name} has the id {project} for the project's number", fix=fix)


def encryption_key(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Vertex refuses the run (EncryptionSpec.kms_key_name: "in the same region as where the compute resource is")."""
    del pipeline
    platform = platform_of(config, Vertex)
    if platform.encryption_key is None:
        return
    found = _KEY.fullmatch(platform.encryption_key)
    if not found:
        form = "projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY"
        what = f"{platform.encryption_key} does not have the form {form}"
        yield Violation(where="platform.encryption_key", what=what, fix="write the key's full name, without a version")
    elif found["location"] != platform.region:
        what = f"{platform.encryption_key} is in {found['location']}, and the run is in {platform.region}"
        yield Violation(where="platform.encryption_key", what=what, fix="use a key of the run's region")


RULES = (region, service_account, network, encryption_key)
