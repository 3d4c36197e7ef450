"""Whom to notify when a gate refuses."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from trainer.parameters import Strict

# An environment variable in a URL.
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SCHEMES = ("http://", "https://")


def _webhook(url: str) -> str:
    # The message has no part of it: it may be a secret.
    if not url.startswith((*SCHEMES, "${")):
        raise ValueError("must begin with http:// or https://, or be ${NAME} of an environment variable")
    if "${" in VARIABLE.sub("", url):
        raise ValueError("holds ${ without a name and }; write ${NAME}")
    return url


class Notify(Strict):
    """Whom to notify when a gate refuses.

    Attributes:
        webhook: gets a small JSON with POST when a gate refuses in a run on this machine; ``${NAME}`` is put in from
            the environment, for secrets. Kubeflow has ``platform.exit_handler.webhook_env``. None tells nobody.
    """

    webhook: Annotated[str, AfterValidator(_webhook)] | None = Field(default=None, repr=False)
