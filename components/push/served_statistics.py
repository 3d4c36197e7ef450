"""What is known of the data on which the model was trained that is being served."""

from __future__ import annotations

from ml_metadata import MetadataStore
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import Artifact

from components.gates.data.drift import profile
from components.push.made_beside import made_beside


class ServedStatisticsStrategy(ResolverStrategy):
    """Resolves ``statistics`` and ``profile`` to those of the run that pushed last, or to nothing if there are none.

    Expects the keys ``statistics``, ``pushed_model``, which is resolved to that push, and ``profile`` with the outputs
    of DataGate, among others of their type. A run that was refused left statistics, too, but they are not those of what
    is served.

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
        pushes = pushes[:1] if self._enabled else []
        made = {artifact for push in pushes for artifact in made_beside(store, push.id)}
        found = {
            key: [artifact for artifact in input_dict[key] if artifact.id in made and is_there(artifact.uri)]
            for key, is_there in (("statistics", fileio.isdir), ("profile", profile.is_kept))
        }
        newest = {key: sorted(several, key=lambda artifact: artifact.id)[-1:] for key, several in found.items()}
        return {**input_dict, **newest, "pushed_model": pushes}
