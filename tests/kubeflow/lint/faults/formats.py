"""Profiles with one mistake: a value that cannot be what its key wants, on Kubeflow and on both platforms.

What the backend would say stands above each group; the docstrings of the rules name the sources.
"""

from tests.kubeflow.lint.pipelines import PIN
from tests.kubeflow.lint.planting import Fault, default, mistake

_LONG = "x" * 64
# Amazon S3, Cloud Storage: 400 "Invalid bucket name", "The specified bucket is not valid".
_BUCKETS = tuple(
    mistake("buckets.names", "platform.root", f"{scheme}://{bucket}/root", said)
    for scheme, bucket, said in (
        ("gs", "Acme", "'Acme' must have lower-case letters, digits, '-', '_' and '.' only"),
        ("gs", "acme models", "'acme models' must have lower-case letters"),
        ("gs", "-acme", "'-acme' must have lower-case letters"),
        ("gs", "acme_", "a letter or digit at both ends"),
        ("gs", "ac", "'ac' must have 3 to 63 characters"),
        ("gs", _LONG, "must have 3 to 63 characters"),
        ("gs", f"acme.{_LONG}", "with dots 1 to 63 between two of them"),
        ("gs", "acme..models", "with dots 1 to 63 between two of them"),
        ("gs", "goog-models", "'goog-models' begins with goog"),
        ("gs", "my-google-models", "holds a spelling of google"),
        ("gs", "10.0.0.1", "'10.0.0.1' is an IP address"),
        ("gs", "", "its name is empty"),
        ("minio", "ml pipeline", "'ml pipeline' must have at least 3 letters"),
        ("s3", "ab", "'ab' must have at least 3 letters, digits, '.', '_' and '-', and no others"),
    )
)
_ELSEWHERE = (
    mistake("buckets.names", "platform.data", "gs://Acme/data", "gs://Acme/data is in no possible bucket"),
    Fault("buckets.names", "ExampleGen.inputs.parameters.input_base", "'Trips'", plant=default("gs://Trips/data")),
)
# The component finds no file, or reads the container's working folder.
_EMPTY = tuple(
    Fault("empty.folders", "ExampleGen.inputs.parameters.input_base", f"{text!r} is empty", plant=default(text))
    for text in ("", " ")
)
# Kubernetes: InvalidImageName, "couldn't parse image name: invalid reference format".
_IMAGES = tuple(
    mistake("images.reference", "platform.gpu_image", image, said)
    for image, said in (
        (f"registry.acme.io/TFX/gpu{PIN}", f"has capitals in its name; write registry.acme.io/tfx/gpu{PIN}"),
        (f"https://registry.acme.io/gpu{PIN}", f"begins with a scheme; write registry.acme.io/gpu{PIN}"),
        (f"registry.acme.io/my gpu{PIN}", "is no NAME[:TAG][@DIGEST]"),
        (f"registry.acme.io//gpu{PIN}", "is no NAME[:TAG][@DIGEST]"),
        (f"registry.acme.io/gpu-{PIN}", "is no NAME[:TAG][@DIGEST]"),
        (f"registry.acme.io/gpu:-1{PIN}", "has the tag '-1'"),
        (f"registry.acme.io/{'a' * 250}{PIN}", "has a name of 267 characters"),
        ("registry.acme.io/gpu@sha256:0123", "has the digest 'sha256:0123', and not sha256: and 64"),
        (f"registry.acme.io/gpu{PIN.upper()}", "and not sha256: and 64 hexadecimal digits"),
    )
)
# Kubernetes: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must
# start and end with an alphanumeric character".
_LABELS = (
    mistake("cluster.labels.pod_labels", "platform.labels.team", "Taxi Team", "the value 'Taxi Team' is not made of"),
    mistake("cluster.labels.pod_labels", "platform.labels.team", "taxi-", "a letter or digit at both ends"),
    mistake("cluster.labels.pod_labels", "platform.labels.team", _LONG, "at most 63 characters"),
    mistake("cluster.labels.pod_labels", "platform.labels.owner@acme", "a", "the key 'owner@acme' is no NAME"),
    mistake("cluster.labels.pod_labels", f"platform.labels.{_LONG}", "a", "is no NAME or DOMAIN/NAME"),
    mistake("cluster.labels.pod_labels", "platform.labels.Acme/team", "a", "the key 'Acme/team' is no NAME"),
    mistake("cluster.labels.node_selector", "platform.node_selector.pool", "gpu,cpu", "the value 'gpu,cpu' is not"),
    mistake("cluster.labels.node_selector", "platform.node_selector.my pool", "a", "the key 'my pool' is no NAME"),
)
# Kubernetes: "value must be empty when `operator` is 'Exists'", "name part must consist of alphanumeric characters".
_TOLERATIONS = tuple(
    Fault("cluster.labels.tolerations", where, said, overrides=(f"platform.tolerations=[{toleration}]",))
    for where, toleration, said in (
        ("platform.tolerations.0", "{key: gpu, value: 'yes'}", "has the value 'yes', and Exists takes none"),
        ("platform.tolerations.0.my gpu", "{key: my gpu}", "the key 'my gpu' is no NAME"),
        ("platform.tolerations.0.gpu", "{key: gpu, operator: Equal, value: 'a b'}", "the value 'a b' is not"),
    )
)
# Kubernetes: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'".
_NAMES = (
    mistake("names.kubernetes_names", "platform.namespace", "Team_A", "'Team_A' is not a valid name"),
    mistake("names.kubernetes_names", "platform.service_account", "me@acme.iam", "'me@acme.iam' is not a valid name"),
    Fault(
        "names.kubernetes_names",
        "platform.image_pull_secrets.0",
        "'my secret' is not a valid name",
        overrides=("platform.image_pull_secrets=['my secret']",),
    ),
)
FAULTS = (*_BUCKETS, *_ELSEWHERE, *_EMPTY, *_IMAGES, *_LABELS, *_TOLERATIONS, *_NAMES)
