"""Which bytes a verdict is about: a blessing carries the digest of the export that was judged."""

from __future__ import annotations

from pathlib import Path

from tfx.types import Artifact
from tfx.utils import path_utils

from components.refusal import GateRefused
from components.storage.files import digest, files_below, hashes
from serving.inference.warmup import WARMUP_FILE

_DIGEST_PROPERTY = "model_digest"


def model_digest(folder: Path) -> str:
    """A hash of the names and bytes of a SavedModel's files. The warm-up file does not count: it is no part of it."""
    return digest(hashes({name: file for name, file in files_below(folder).items() if name != WARMUP_FILE}))


def record(blessing: Artifact, *, model: Artifact) -> None:
    """Write the digest of the model's export to a blessing; call it before the export is read.

    Args:
        blessing: a ModelBlessing or InfraBlessing.
        model: the Model artifact that is being judged.
    """
    export = Path(path_utils.serving_model_path(model.uri))
    blessing.set_string_custom_property(_DIGEST_PROPERTY, model_digest(export))


def judged_digest(*, model_blessing: Artifact, infra_blessing: Artifact) -> str:
    """The digest of the export that both gates judged.

    Raises:
        GateRefused: they judged different bytes, or a verdict does not say which.
    """
    evaluated, validated = (
        blessing.get_string_custom_property(_DIGEST_PROPERTY) for blessing in (model_blessing, infra_blessing)
    )
    for name, found in (("Evaluator", evaluated), ("InfraValidator", validated)):
        if not found:
            raise GateRefused(
                f"the verdict of the {name} does not say which bytes it is about; run again with --set cache=false"
            )
    if evaluated != validated:
        raise GateRefused("the export changed between Evaluator and InfraValidator; train the model again")
    return evaluated
