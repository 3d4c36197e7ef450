"""The machines of Vertex for training and serving, as far as they are known.

Sources: cloud.google.com/compute/docs/machine-resource for the sizes,
cloud.google.com/vertex-ai/docs/training/configure-compute and .../predictions/configure-compute for the accelerators of
each, and `google.cloud.aiplatform_v1.AcceleratorType` for the names. New families come several times a year, and get
more sizes later: the platform judges a machine that is not listed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.accelerator import Accelerator
from kubeflow.lint.forms.google import machine_format
from kubeflow.lint.violation import Violation

# All sizes in vCPUs of families that will get no more; the name of a machine is FAMILY-VCPUS.
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

# Machines that come with accelerators, which must be named in this number.
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
# How many of a type one machine can have, for types whose machines are all known.
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
# Device plugins of Kubernetes.
_OF_KUBERNETES = ("nvidia.com/", "amd.com/")
_LATER = frozenset({kind for kind, _ in BUILT_IN.values()} - COUNTS.keys())
TPUS = frozenset({"TPU_V2", "TPU_V3", "TPU_V4_POD", "TPU_V5_LITEPOD"})
RETIRED = frozenset({"NVIDIA_TESLA_K80"})
ACCELERATORS = frozenset({*COUNTS, *_LATER, *TPUS, *RETIRED})
_KNOWN = f"there is {', '.join(sorted(ACCELERATORS - RETIRED))}"

# On N1 each accelerator serves a limited number of vCPUs: (vCPUs, least count).
_ATTACHED: Mapping[str, tuple[tuple[int, int], ...]] = {
    "NVIDIA_TESLA_P4": ((16, 1), (32, 2), (96, 4)),
    "NVIDIA_TESLA_P100": ((16, 1), (32, 2), (96, 4)),
    "NVIDIA_TESLA_T4": ((16, 1), (32, 2), (96, 4)),
    "NVIDIA_TESLA_V100": ((8, 1), (16, 2), (32, 4), (96, 8)),
}


def violations(where: str, machine: str, accelerator: Accelerator | None) -> Iterator[Violation]:
    """What is wrong with a machine and its accelerators.

    Args:
        where: key of the profile.
        machine: machine type, such as ``n1-standard-8``.
        accelerator: accelerators of the machine; None for none.
    """
    kind, count = (accelerator.type, accelerator.count) if accelerator else (None, 0)
    missing = machine_problem(machine)
    unknown = _client_name_problem(kind) if kind else None
    misfit = (count_problem(kind, count) if kind else None) or fit_problem(machine, kind, count)
    if missing:
        yield Violation(where=where, what=missing, fix="write it as n1-standard-8, in a size that there is")
    elif unknown:
        yield Violation(where=where, what=unknown[0], fix=unknown[1])
    elif misfit:
        yield Violation(where=where, what=misfit, fix="change machine_type or accelerator")


def name_problem(kind: str) -> tuple[str, str] | None:
    """Why Vertex has no such accelerator, and the remedy; None for every name that it may have."""
    if kind in RETIRED:
        return f"there are no {kind} any more", "use NVIDIA_TESLA_T4 or NVIDIA_L4"
    if kind.startswith(_OF_KUBERNETES):
        return f"{kind} is not an accelerator of Vertex", _KNOWN
    return None


def _client_name_problem(kind: str) -> tuple[str, str] | None:
    """The same for the client that makes the job or the endpoint: it sends only names that it knows."""
    problem = name_problem(kind)
    if problem is None and kind not in ACCELERATORS:
        return f"{kind} is not an accelerator that Vertex's client knows", _KNOWN
    return problem


def machine_problem(machine: str) -> str | None:
    """Why there is no such machine; None for a valid machine and for an unknown family.

    Args:
        machine: machine type, such as ``n1-standard-8``.
    """
    if problem := machine_format(machine):
        return problem
    family, _, vcpus = machine.rpartition("-")
    sizes = FAMILIES.get(family)
    if sizes and vcpus not in {str(size) for size in sizes}:
        return f"there is no {machine}, but {', '.join(f'{family}-{size}' for size in sizes)}"
    return None


def count_problem(accelerator: str, count: int) -> str | None:
    """Why no machine can have ``count`` of the type; None if one can, or if the type is unknown."""
    counts = COUNTS.get(accelerator)
    if counts and count not in counts:
        return f"{count} {accelerator}, but a machine has {_or(counts)}"
    return None


def fit_problem(machine: str, accelerator: str | None, count: int) -> str | None:
    """Why ``machine`` cannot have these accelerators; None if it can, or if the machine is unknown."""
    if machine in BUILT_IN:
        kind, number = BUILT_IN[machine]
        if (accelerator, count) != (kind, number):
            named = f"the profile names {count} {accelerator}" if accelerator else "the profile names none"
            return f"{machine} comes with {number} {kind}, but {named}"
        return None
    family, _, vcpus = machine.rpartition("-")
    if accelerator is None or family not in FAMILIES:
        return None
    if not family.startswith("n1-") or accelerator not in _ATTACHED:
        fitting = sorted(name for name, (kind, _) in BUILT_IN.items() if kind == accelerator)
        others = "for TPUs" if accelerator in TPUS else ", ".join(fitting) or "n1 machines"
        return f"{machine} takes no {accelerator}; machines with it are {others}"
    least = next((least for most, least in _ATTACHED[accelerator] if int(vcpus) <= most), 0)
    if count < least:
        return f"{machine} needs {_or(tuple(n for n in COUNTS[accelerator] if n >= least))} {accelerator}"
    return None


def _or(counts: tuple[int, ...]) -> str:
    return " or ".join(map(str, counts))
