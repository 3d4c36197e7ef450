"""Why a service could not be reached, from the error of any client library."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3


def cause(error: BaseException, *, seconds: float) -> str | None:
    """What stood between this machine and a service, and the remedy; None for other errors.

    Args:
        error: error of a client; its causes count, too.
        seconds: time limit of the call.
    """
    inner = list(_inside(error))
    for kinds, text in (
        ((socket.gaierror, urllib3.exceptions.NameResolutionError), _dns),
        ((ssl.SSLError, urllib3.exceptions.SSLError, requests.exceptions.SSLError), _tls),
        ((requests.exceptions.ProxyError, urllib3.exceptions.ProxyError), _proxy),
        ((ConnectionRefusedError,), _refused),
        ((TimeoutError, urllib3.exceptions.TimeoutError, requests.exceptions.Timeout), _timeout),
        ((ConnectionError, urllib3.exceptions.ProtocolError), _broken),
        ((OSError, urllib3.exceptions.HTTPError), _other),
    ):
        for each in inner:
            if isinstance(each, kinds):
                return text(each, seconds)
    return None


def never_arrived(error: BaseException) -> bool:
    """Whether no connection was made, so a retry is pointless and the server cannot have done anything."""
    kinds = (
        socket.gaierror,
        ssl.SSLError,
        ConnectionRefusedError,
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        requests.exceptions.ConnectTimeout,
        requests.exceptions.SSLError,
    )
    return any(isinstance(each, kinds) for each in _inside(error))


def _inside(error: BaseException) -> Iterator[BaseException]:
    """The error and all errors inside it: causes, contexts, reasons and arguments."""
    pending, seen = [error], set()
    while pending:
        each = pending.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        carried = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        pending.extend(other for other in carried if isinstance(other, BaseException))


def _dns(error: BaseException, seconds: float) -> str:
    names = (re.search(r"Failed to resolve '([^']+)'", str(each)) for each in _inside(error))
    name = next((match[1] for match in names if match), "this name")
    return f"DNS does not know {name}; check its spelling and this machine's network or VPN"


def _tls(error: BaseException, seconds: float) -> str:
    detail = next(
        (each.verify_message for each in _inside(error) if isinstance(each, ssl.SSLCertVerificationError)), ""
    )
    return (
        f"TLS failed ({detail or 'the server does not speak TLS'}); with a private certificate authority, "
        "set REQUESTS_CA_BUNDLE to its file"
    )


def _proxy(error: BaseException, seconds: float) -> str:
    return "the proxy of HTTPS_PROXY refuses the connection; check HTTPS_PROXY and NO_PROXY"


def _refused(error: BaseException, seconds: float) -> str:
    return "nothing listens there (connection refused); check host and port, and whether a port-forward still runs"


def _timeout(error: BaseException, seconds: float) -> str:
    return f"no answer within {seconds:g} s; check network and firewall, or allow more time with --timeout"


def _broken(error: BaseException, seconds: float) -> str:
    return "the connection broke before the answer; try again"


def _other(error: BaseException, seconds: float) -> str:
    return f"not reachable ({' '.join(str(error).split())[:200]}); check network and proxy"
