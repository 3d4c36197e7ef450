"""The statistics of the data on which the model was trained that is being served."""

from __future__ import annotations

from ml_metadata import MetadataStore
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import Artifact

_RUN_CONTEXT = "pipeline_run"


class ServedStatisticsStrategy(ResolverStrategy):
    """Resolves ``statistics`` to those of the run that pushed last, or to nothing if there is none.

    Expects the keys ``statistics`` and ``pushed_model``. A run that was refused left statistics, too, but they are not
    those of what is served.

    Args:
        enabled: False for none, regardless of earlier pushes.
    """

    def __init__(self, enabled: bool = True):
        self._enabled = enabled

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Choose the statistics; see the class."""
        pushes = sorted(input_dict["pushed_model"], key=lambda artifact: artifact.id, reverse=True)
        for push in pushes[:1] if self._enabled else ():
            runs = [run for run in store.get_contexts_by_artifact(push.id) if run.type == _RUN_CONTEXT]
            of_run = {found.id for run in runs for found in store.get_artifacts_by_context(run.id)}
            statistics = [found for found in input_dict["statistics"] if found.id in of_run]
            if statistics and fileio.isdir(statistics[-1].uri):
                return {**input_dict, "statistics": [max(statistics, key=lambda found: found.id)]}
        return {**input_dict, "statistics": []}
