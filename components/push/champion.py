"""The baseline of an evaluation: the last model that passed every gate and was pushed, never the candidate itself.

TFX's LatestBlessedModelStrategy only considers the Evaluator's verdict, so a model that infra validation refused
becomes the baseline. It takes the model that was trained last, even if an older one was pushed later; it returns the
candidate itself if a cached Trainer yields the same model again; and it returns models whose files are gone, on which
the Evaluator fails.
"""

from __future__ import annotations

from ml_metadata import MetadataStore
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import Artifact

from components.notices import notices
from components.pushed_model import MODEL_ID_PROPERTY


class LatestPushedModelStrategy(ResolverStrategy):
    """Resolves ``model`` to the model that was pushed last.

    Expects the keys ``model`` and ``pushed_model``, and ``candidate`` if there is one; narrows ``model`` to the
    baseline, or to nothing in a first run, and leaves the others unchanged.

    Args:
        enabled: False for no baseline, regardless of earlier pushes.
        file: path of a file that the model must have, from its folder; empty: any model. A copy of what is served lacks
            what only the training reads.
    """

    def __init__(self, enabled: bool = True, file: str = ""):
        self._enabled = enabled
        self._file = file

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Choose the baseline; see the class."""
        del store
        models = {model.id: model for model in input_dict["model"]}
        candidates = {artifact.id for artifact in input_dict.get("candidate", ())}
        pushes = sorted(input_dict["pushed_model"], key=lambda artifact: artifact.id, reverse=True)
        for push in pushes if self._enabled else ():
            model = models.get(push.get_int_custom_property(MODEL_ID_PROPERTY))
            if model is None or model.id in candidates:
                continue
            if fileio.exists(f"{model.uri}/{self._file}".rstrip("/")):
                return {**input_dict, "model": [model]}
            notices.warning("the pushed model is gone from %s: looking for an older one", model.uri)
        return {**input_dict, "model": []}
