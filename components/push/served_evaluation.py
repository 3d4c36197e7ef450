"""The evaluation by which the baseline was pushed: it says what that model reached then."""

from __future__ import annotations

from ml_metadata import MetadataStore
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import Artifact

from components.push.made_beside import made_beside
from components.pushed_model import MODEL_ID_PROPERTY


class ServedEvaluationStrategy(ResolverStrategy):
    """Resolves ``evaluation`` to that of the run that pushed ``model``, or to nothing.

    Expects the keys ``evaluation``, ``pushed_model`` and ``model``, the baseline; without one there is nothing to find.
    Runs that were refused, or that evaluated the model as a baseline, left evaluations, too.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Choose the evaluation; see the class."""
        models = {model.id for model in input_dict.get("model", ())}
        pushes = sorted(input_dict["pushed_model"], key=lambda artifact: artifact.id)
        for push in pushes:
            if push.get_int_custom_property(MODEL_ID_PROPERTY) not in models:
                continue
            made = made_beside(store, push.id)
            found = [each for each in input_dict["evaluation"] if each.id in made and fileio.isdir(each.uri)]
            if found:
                return {**input_dict, "evaluation": [max(found, key=lambda each: each.id)]}
        return {**input_dict, "evaluation": []}
