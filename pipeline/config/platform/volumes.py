"""Volumes of a cluster, mounted into every task."""

from __future__ import annotations

from pydantic import model_validator

from pipeline.config.fields import Text
from pipeline.config.platform.fields import Mount
from pipeline.config.platform.platform import Platform
from trainer.parameters import Strict


class Volume(Strict):
    """An existing PersistentVolumeClaim, mounted into every task.

    Attributes:
        claim: its name.
        mount: an absolute path.
        sub_path: a folder inside the volume.
    """

    claim: Text
    mount: Mount
    sub_path: Text | None = None


class WithVolumes(Platform):
    """What volumes add to a platform.

    Attributes:
        volumes: mounted into every task.
    """

    volumes: tuple[Volume, ...] = ()

    @model_validator(mode="after")
    def _mounts_differ(self) -> WithVolumes:
        mounts = [volume.mount for volume in self.volumes]
        if len(set(mounts)) < len(mounts):
            raise ValueError("volumes: two have the same mount")
        return self
