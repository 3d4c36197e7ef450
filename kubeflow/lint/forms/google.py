"""The forms of Google's names, for Vertex and for Dataflow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeflow.lint.violation import Violation

_REGION = re.compile(r"[a-z]+(-[a-z]+)+[0-9]+")
_ZONE = re.compile(r"(?P<region>[a-z]+(-[a-z]+)+[0-9]+)-[a-z]")
# Those that people make, with their ids of 6 to 30 characters, and those that Google makes.
_ACCOUNT = re.compile(
    r"[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z0-9][a-z0-9.-]*\.iam\.gserviceaccount\.com"
    r"|[a-z0-9][a-z0-9.-]*@(developer|appspot|cloudservices)\.gserviceaccount\.com"
)
_MACHINE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")


def region_violation(where: str, region: str) -> Iterator[Violation]:
    """A violation if ``region`` has no region's form; which there are grows, and is the platform's to say."""
    if zone := _ZONE.fullmatch(region):
        yield Violation(where=where, what=f"{region} is a zone", fix=f"name its region, {zone['region']}")
    elif not _REGION.fullmatch(region):
        yield Violation(where=where, what=f"{region!r} is not a region", fix="write it as europe-west4")


def account_violation(where: str, account: str) -> Iterator[Violation]:
    """A violation if ``account`` is no service account's address (IAM, projects.serviceAccounts.create: accountId)."""
    if not _ACCOUNT.fullmatch(account):
        what = f"{account!r} is not the address of a service account"
        fix = (
            "write it as NAME@PROJECT.iam.gserviceaccount.com, with 6 to 30 lower-case letters, digits and '-' as NAME"
        )
        yield Violation(where=where, what=what, fix=fix)


def machine_format(machine: str) -> str | None:
    """Why no machine type can have this name (cloud.google.com/compute/docs/machine-resource); None if one can."""
    return None if _MACHINE.fullmatch(machine) else f"{machine!r} is not the name of a machine type"
