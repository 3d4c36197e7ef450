"""The client of Kubeflow Pipelines with time limits: the stock client has none, and asks for health five times.

Credentials come from the environment, see `connect`.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from pathlib import Path
from typing import Any, cast

import kfp.client
import kfp_server_api
import urllib3
from kfp.client import KF_PIPELINES_SA_TOKEN_ENV, KF_PIPELINES_SA_TOKEN_PATH
from kfp_server_api.rest import RESTClientObject, RESTResponse

# Our own; the client reads KF_PIPELINES_IAP_OAUTH2_CLIENT_ID and KF_PIPELINES_UI_ENDPOINT itself.
TOKEN_VARIABLE = "KF_PIPELINES_TOKEN"
COOKIES_VARIABLE = "KF_PIPELINES_COOKIES"
CERTIFICATES_VARIABLE = "REQUESTS_CA_BUNDLE"
UI_VARIABLE = "KF_PIPELINES_UI_ENDPOINT"

ERRORS = (kfp_server_api.ApiException, urllib3.exceptions.HTTPError, OSError)


class KfpClient(kfp.client.Client):
    """A `kfp.Client` whose every call ends in time."""

    def __init__(self, *, seconds: float, **options: Any):
        self._seconds = seconds
        with warnings.catch_warnings():
            # "This client only works with Kubeflow Pipeline v2.0.0-beta.2 and later versions."
            warnings.simplefilter("ignore")
            super().__init__(**options)
        self._bound()

    def get_kfp_healthz(self, sleep_duration: int = 0) -> kfp_server_api.V2beta1GetHealthzResponse:
        """Ask once; the constructor asks if there is no namespace."""
        self._bound()
        return cast(kfp_server_api.V2beta1GetHealthzResponse, self._healthz_api.healthz_service_get_healthz())

    def _bound(self) -> None:
        api_client = self._healthz_api.api_client
        if not isinstance(api_client.rest_client, _BoundedRest):
            api_client.rest_client = _BoundedRest(api_client.configuration, seconds=self._seconds)


class _BoundedRest(RESTClientObject):
    """HTTP with a time limit, without retries and redirects; a web page is an error."""

    def __init__(self, configuration: kfp_server_api.Configuration, *, seconds: float):
        # A redirect leads to a log-in page, which is reported; a retry could start a second run.
        retries = urllib3.Retry(total=0, redirect=0, raise_on_redirect=False)
        # The client initialises it with None, and takes what urllib3 takes.
        setattr(configuration, "retries", retries)  # noqa: B010
        super().__init__(configuration)
        self._seconds = seconds

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> RESTResponse:
        # The stock client silently ignores a float; it takes a pair.
        options["_request_timeout"] = (self._seconds, self._seconds)
        response = super().request(method, url, *arguments, **options)
        if "json" not in (response.getheader("content-type") or ""):
            response.status, response.reason = 0, "a web page"
            raise kfp_server_api.ApiException(http_resp=response)
        return response


def connect(host: str, *, namespace: str | None, seconds: float) -> KfpClient:
    """A client of the API at ``host``.

    Credentials, the first that is set: ``KF_PIPELINES_TOKEN``, a bearer token; ``KF_PIPELINES_COOKIES``, such as
    ``authservice_session=...``; the service account's token that Kubernetes mounts for Kubeflow Pipelines
    (``KF_PIPELINES_SA_TOKEN_PATH`` names another file). ``REQUESTS_CA_BUNDLE`` names a private certificate authority.

    Args:
        host: URL of the API.
        namespace: the profile's namespace; None on a single-user installation.
        seconds: limit of each call.

    Raises:
        ApiException: the API refused; the other errors of `ERRORS` mean that it was not reached.
    """
    options: dict[str, Any] = {"host": host, "ssl_ca_cert": os.environ.get(CERTIFICATES_VARIABLE)}
    token_file = Path(os.environ.get(KF_PIPELINES_SA_TOKEN_ENV, KF_PIPELINES_SA_TOKEN_PATH))
    if os.environ.get(TOKEN_VARIABLE):
        options["existing_token"] = os.environ[TOKEN_VARIABLE]
    elif os.environ.get(COOKIES_VARIABLE):
        options["cookies"] = os.environ[COOKIES_VARIABLE]
    elif token_file.exists():
        options["credentials"] = kfp.client.ServiceAccountTokenVolumeCredentials(str(token_file))
    return KfpClient(seconds=seconds, namespace=namespace, **options)


def quiet() -> contextlib.AbstractContextManager[Any]:
    """A context that drops the client's own prints."""
    return contextlib.redirect_stdout(io.StringIO())


def user_interface(host: str) -> str:
    """The URL of the web page."""
    return os.environ.get(UI_VARIABLE, host).rstrip("/")
