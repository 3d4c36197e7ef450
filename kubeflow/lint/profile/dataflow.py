"""Does Dataflow take the names of the profile?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.forms.google import account_violation, machine_format, region_violation
from kubeflow.lint.violation import Violation
from pipeline.config.beam.dataflow import Dataflow
from pipeline.config.config import Config

_SUBNETWORK = re.compile(
    r"(https://www\.googleapis\.com/compute/v1/projects/[^/]+/)?regions/[a-z0-9-]+/subnetworks/[a-z]([a-z0-9-]*[a-z0-9])?"
)


def options(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Dataflow refuses the job, after the tasks before it have run.

    Sources: cloud.google.com/dataflow/docs/reference/pipeline-options for the options,
    cloud.google.com/compute/docs/regions-zones for regions, and `kubeflow.lint.forms.google`.
    """
    del pipeline
    beam = config.beam
    if not isinstance(beam, Dataflow):
        return
    yield from region_violation("beam.region", beam.region)
    if beam.service_account is not None:
        yield from account_violation("beam.service_account", beam.service_account)
    if problem := machine_format(beam.machine_type):
        yield Violation(where="beam.machine_type", what=problem, fix="write it as n1-standard-4")
    if beam.subnetwork is not None and not _SUBNETWORK.fullmatch(beam.subnetwork):
        what = f"{beam.subnetwork} does not have the form regions/REGION/subnetworks/NAME"
        yield Violation(where="beam.subnetwork", what=what, fix="write its name in this form")


RULES = (options,)
