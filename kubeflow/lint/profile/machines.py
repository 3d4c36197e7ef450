"""What is known of the machines of Vertex, to train and to serve on; of all others, nothing is said.

Sources: cloud.google.com/compute/docs/machine-resource for the sizes that there are at all,
cloud.google.com/vertex-ai/docs/training/configure-compute and .../predictions/configure-compute for the accelerators
that go with them, and `google.cloud.aiplatform_v1.AcceleratorType` for the names. Families come some times a year, and
young ones get more sizes: a machine that is not listed here is for the platform to judge.
"""

from __future__ import annotations

from collections.abc import Mapping

# All sizes in vCPUs, of families that get no more; the name of a machine is FAMILY-VCPUS.
FAMILIES: Mapping[str, tuple[int, ...]] = {
    "c2-standard": (4, 8, 16, 30, 60),
    "c2d-highcpu": (2, 4, 8, 16, 32, 56, 112),
    "c2d-highmem": (2, 4, 8, 16, 32, 56, 112),
    "c2d-standard": (2, 4, 8, 16, 32, 56, 112),
    "e2-highcpu": (2, 4, 8, 16, 32),
    "e2-highmem": (2, 4, 8, 16),
    "e2-standard": (2, 4, 8, 16, 32),
    "g2-standard": (4, 8, 12, 16, 24, 32, 48, 96),
    "m1-megamem": (96,),
    "m1-ultramem": (40, 80, 160),
    "n1-highcpu": (2, 4, 8, 16, 32, 64, 96),
    "n1-highmem": (2, 4, 8, 16, 32, 64, 96),
    "n1-standard": (1, 2, 4, 8, 16, 32, 64, 96),
    "n2-highcpu": (2, 4, 8, 16, 32, 48, 64, 80, 96),
    "n2-highmem": (2, 4, 8, 16, 32, 48, 64, 80, 96, 128),
    "n2-standard": (2, 4, 8, 16, 32, 48, 64, 80, 96, 128),
    "n2d-standard": (2, 4, 8, 16, 32, 48, 64, 80, 96, 128, 224),
}

# Machines that come with their accelerators, which must be named in that number.
BUILT_IN: Mapping[str, tuple[str, int]] = {
    **{f"a2-highgpu-{count}g": ("NVIDIA_TESLA_A100", count) for count in (1, 2, 4, 8)},
    "a2-megagpu-16g": ("NVIDIA_TESLA_A100", 16),
    **{f"a2-ultragpu-{count}g": ("NVIDIA_A100_80GB", count) for count in (1, 2, 4, 8)},
    **{f"a3-highgpu-{count}g": ("NVIDIA_H100_80GB", count) for count in (1, 2, 4, 8)},
    "a3-megagpu-8g": ("NVIDIA_H100_MEGA_80GB", 8),
    "a3-ultragpu-8g": ("NVIDIA_H200_141GB", 8),
    "a4-highgpu-8g": ("NVIDIA_B200", 8),
    "a4x-highgpu-4g": ("NVIDIA_GB200", 4),
    **{f"g2-standard-{vcpus}": ("NVIDIA_L4", 1) for vcpus in (4, 8, 12, 16, 32)},
    "g2-standard-24": ("NVIDIA_L4", 2),
    "g2-standard-48": ("NVIDIA_L4", 4),
    "g2-standard-96": ("NVIDIA_L4", 8),
    **{f"g4-standard-{48 * count}": ("NVIDIA_RTX_PRO_6000", count) for count in (1, 2, 4, 8)},
}
# How many of a type one machine can have, where all its machines are known.
COUNTS: Mapping[str, tuple[int, ...]] = {
    "NVIDIA_TESLA_P4": (1, 2, 4),
    "NVIDIA_TESLA_P100": (1, 2, 4),
    "NVIDIA_TESLA_T4": (1, 2, 4),
    "NVIDIA_TESLA_V100": (1, 2, 4, 8),
    "NVIDIA_TESLA_A100": (1, 2, 4, 8, 16),
    "NVIDIA_A100_80GB": (1, 2, 4, 8),
    "NVIDIA_L4": (1, 2, 4, 8),
    "NVIDIA_H100_80GB": (1, 2, 4, 8),
}
_LATER = frozenset({kind for kind, _ in BUILT_IN.values()} - COUNTS.keys())
TPUS = frozenset({"TPU_V2", "TPU_V3", "TPU_V4_POD", "TPU_V5_LITEPOD"})
RETIRED = frozenset({"NVIDIA_TESLA_K80"})
ACCELERATORS = frozenset({*COUNTS, *_LATER, *TPUS, *RETIRED})

# On N1 each accelerator serves so many vCPUs at most: (vCPUs, least count).
_ATTACHED: Mapping[str, tuple[tuple[int, int], ...]] = {
    "NVIDIA_TESLA_P4": ((16, 1), (32, 2), (96, 4)),
    "NVIDIA_TESLA_P100": ((16, 1), (32, 2), (96, 4)),
    "NVIDIA_TESLA_T4": ((16, 1), (32, 2), (96, 4)),
    "NVIDIA_TESLA_V100": ((8, 1), (16, 2), (32, 4), (96, 8)),
}


def machine_problem(machine: str) -> str | None:
    """Why there is no such machine; None where there is, and for every family that is not known here.

    Args:
        machine: its type, such as ``n1-standard-8``.
    """
    family, _, vcpus = machine.rpartition("-")
    sizes = FAMILIES.get(family)
    if sizes and vcpus not in {str(size) for size in sizes}:
        return f"there is no {machine}, but {', '.join(f'{family}-{size}' for size in sizes)}"
    return None


def count_problem(accelerator: str, count: int) -> str | None:
    """Why a machine cannot have ``count`` of the type; None where it can, or where nothing is known of it."""
    counts = COUNTS.get(accelerator)
    if counts and count not in counts:
        return f"{count} {accelerator}, and a machine has {_or(counts)}"
    return None


def fit_problem(machine: str, accelerator: str | None, count: int) -> str | None:
    """Why ``machine`` cannot have these accelerators; None where it can, or where the machine is not known."""
    if machine in BUILT_IN:
        kind, number = BUILT_IN[machine]
        if (accelerator, count) != (kind, number):
            named = f"{count} {accelerator} are named" if accelerator else "none is named"
            return f"{machine} comes with {number} {kind}, and {named}"
        return None
    family, _, vcpus = machine.rpartition("-")
    if accelerator is None or family not in FAMILIES:
        return None
    if not family.startswith("n1-") or accelerator not in _ATTACHED:
        fitting = sorted(name for name, (kind, _) in BUILT_IN.items() if kind == accelerator)
        others = "for TPUs" if accelerator in TPUS else ", ".join(fitting) or "n1 machines"
        return f"{machine} takes no {accelerator}; those with it are {others}"
    least = next((least for most, least in _ATTACHED[accelerator] if int(vcpus) <= most), 0)
    if count < least:
        return f"{machine} needs {_or(tuple(n for n in COUNTS[accelerator] if n >= least))} {accelerator}"
    return None


def _or(counts: tuple[int, ...]) -> str:
    return " or ".join(map(str, counts))
