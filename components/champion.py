"""The baseline of an evaluation: the last model that every gate blessed, never the candidate itself.

TFX's LatestBlessedModelStrategy looks at the Evaluator's verdict alone, so a model that infra validation
refused becomes the baseline; it returns the candidate itself when a cached Trainer yields the same model
again; and it returns models whose files are gone, on which the Evaluator dies.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ml_metadata import MetadataStore
from tfx.components.evaluator import constants
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.types import Artifact

from components import infra_blessing

logger = logging.getLogger(__name__)


class LatestBlessedByAllStrategy(ResolverStrategy):
    """Resolves ``model`` to the newest one with a model blessing and an infra blessing.

    Expects the keys ``model``, ``model_blessing``, ``infra_blessing`` and ``candidate``; narrows ``model`` to
    the baseline, or to nothing in a first run, and leaves the others as they are.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Choose the baseline; see the class."""
        del store
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        blessed_by_evaluator = {
            blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY)
            for blessing in input_dict["model_blessing"]
            if blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == constants.BLESSED_VALUE
        }
        blessed_by_infra = {
            infra_blessing.model_id(blessing)
            for blessing in input_dict["infra_blessing"]
            if infra_blessing.is_blessed(blessing)
        }
        eligible = (blessed_by_evaluator & blessed_by_infra) - candidates
        for model in sorted(input_dict["model"], key=lambda artifact: artifact.id, reverse=True):
            if model.id in eligible:
                if Path(model.uri).is_dir():
                    return {**input_dict, "model": [model]}
                logger.warning("The blessed model %s is gone from %s: looking for an older one.", model.id, model.uri)
        return {**input_dict, "model": []}
