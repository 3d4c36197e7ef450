"""Profiles with one mistake for Vertex: a value that cannot be what its key wants.

What the backend would say stands above each group; the docstrings of the rules name the sources.
"""

import json
from functools import partial

from tests.kubeflow.lint.pipelines import PIN
from tests.kubeflow.lint.planting import Fault, mistake

_mistake = partial(mistake, kind="vertex")
_KEY = "projects/acme/locations/europe-west4/keyRings/ring/cryptoKeys/key"

# No such host: the API of a region is REGION-aiplatform.googleapis.com.
_REGIONS = tuple(
    _mistake("vertex.names.region", "platform.region", region, said)
    for region, said in (
        ("europe-west4-a", "europe-west4-a is a zone; name its region, europe-west4"),
        ("Europe-West4", "'Europe-West4' is not a region; write it as europe-west4"),
        ("europe", "'europe' is not a region"),
        ("global", "'global' is not a region"),
        ("europe_west4", "'europe_west4' is not a region"),
    )
)
# INVALID_ARGUMENT: the field's form is in the API's reference.
_NETWORKS = tuple(
    _mistake("vertex.names.network", "platform.network", network, said)
    for network, said in (
        ("default", "default does not have the form projects/NUMBER/global/networks/NAME"),
        ("projects/12345/regions/europe-west4/subnetworks/a", "does not have the form projects/NUMBER"),
        (
            "projects/acme/global/networks/vpc",
            "the id acme for the project's number; write the one of `gcloud",
        ),
        ("projects/12345/global/networks/My_Vpc", "does not have the form"),
        ("https://compute.googleapis.com/projects/1/global/networks/vpc", "does not have the form"),
    )
)
_KEYS = tuple(
    _mistake("vertex.names.encryption_key", "platform.encryption_key", key, said)
    for key, said in (
        ("key", "key does not have the form projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY"),
        (f"{_KEY}/cryptoKeyVersions/1", "write the key's full name, without a version"),
        (_KEY.replace("/ring/", "/my ring/"), "does not have the form"),
        (_KEY.replace("europe-west4", "us-central1"), "is in us-central1, and the run is in europe-west4"),
        (_KEY.replace("europe-west4", "global"), "is in global, and the run is in europe-west4"),
    )
)
# IAM: 404, "Unknown service account".
_ACCOUNTS = tuple(
    _mistake("vertex.names.service_account", "platform.service_account", account, said)
    for account, said in (
        ("pipeline", "'pipeline' is not the address of a service account; write it as NAME@PROJECT.iam"),
        ("me@acme.io", "'me@acme.io' is not the address"),
        ("Pipeline@acme.iam.gserviceaccount.com", "is not the address"),
        ("run@acme.iam.gserviceaccount.com", "with 6 to 30 lower-case letters"),
        ("serviceAccount:pipeline@acme.iam.gserviceaccount.com", "is not the address"),
    )
)
# INVALID_ARGUMENT: "label ... contains invalid characters".
_LABELS = (
    _mistake("vertex.profile.labels", "platform.labels.team", "Taxi", "the value 'Taxi' is not made of lower-case"),
    _mistake("vertex.profile.labels", "platform.labels.team", "a.b", "the value 'a.b' is not made of"),
    _mistake("vertex.profile.labels", "platform.labels.team", "x" * 65, "at most 64"),
    _mistake("vertex.profile.labels", "platform.labels.Team", "a", "the key 'Team' is not made of"),
    _mistake("vertex.profile.labels", "platform.labels.1team", "a", "a letter first"),
    Fault(
        "vertex.profile.labels",
        "platform.labels",
        "there are 65, and a run has at most 64",
        overrides=(f"platform.labels={json.dumps({f'l{number}': 'a' for number in range(65)})}",),
        kind="vertex",
    ),
)
# INVALID_ARGUMENT: "Machine type ... is not supported".
_MACHINES = tuple(
    Fault(
        "vertex.training.machine",
        "platform.training",
        said,
        overrides=(f"platform.training.machine_type={machine}", "platform.training.accelerator=null"),
        kind="vertex",
    )
    for machine, said in (
        ("n1_standard_8", "'n1_standard_8' is not the name of a machine type; write it as n1-standard-8"),
        ("N1-Standard-8", "'N1-Standard-8' is not the name"),
        ("n1", "'n1' is not the name"),
    )
)
_PLACES = (
    _mistake("buckets.names", "platform.serving", "gs://Acme/serving", "'Acme' must have lower-case letters"),
    _mistake("buckets.names", "platform.root", "gs://acme..models/root", "with dots 1 to 63"),
    _mistake("images.reference", "platform.gpu_image", f"europe/ACME/gpu{PIN}", f"write europe/acme/gpu{PIN}"),
)
FAULTS = (*_REGIONS, *_NETWORKS, *_KEYS, *_ACCOUNTS, *_LABELS, *_MACHINES, *_PLACES)
