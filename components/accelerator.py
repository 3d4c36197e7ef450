"""Accelerators, as every platform counts them."""

from __future__ import annotations

from pydantic import PositiveInt

from trainer.options import Strict


class Accelerator(Strict):
    """GPUs of a task or a server.

    Attributes:
        type: the platform's name: ``NVIDIA_TESLA_T4`` on Vertex, ``nvidia.com/gpu`` on Kubernetes.
        count: number of GPUs per container.
    """

    type: str
    count: PositiveInt = 1
