"""The evaluation by which the baseline was pushed: it says what that model reached then."""

from __future__ import annotations

from ml_metadata import MetadataStore
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import Artifact

from components.push.pusher import MODEL_ID_PROPERTY

_RUN_CONTEXT = "pipeline_run"


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
            runs = [run for run in store.get_contexts_by_artifact(push.id) if run.type == _RUN_CONTEXT]
            of_run = {found.id for run in runs for found in store.get_artifacts_by_context(run.id)}
            found = [each for each in input_dict["evaluation"] if each.id in of_run and fileio.isdir(each.uri)]
            if found:
                return {**input_dict, "evaluation": [max(found, key=lambda each: each.id)]}
        return {**input_dict, "evaluation": []}
