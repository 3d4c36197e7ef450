"""The faults that the rules are for: each planted in a clean pipeline, with the one violation that it gives."""

from tests.kubeflow.lint.faults import formats, profile, runs, spec, structure

FAULTS = (*structure.FAULTS, *spec.FAULTS, *profile.FAULTS, *runs.FAULTS, *formats.FAULTS)
