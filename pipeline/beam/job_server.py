"""Checks early that a Beam job server answers: Beam's own client waits for minutes, and its error says little."""

from __future__ import annotations

import socket

import grpc

from pipeline.config.loading import ConfigError

_SECONDS = 5.0
# What Beam's client asks first; asked without Beam, whose import takes seconds.
_DESCRIBE = "/org.apache.beam.model.job_management.v1.JobService/DescribePipelineOptions"


def check_job_server(endpoint: str) -> None:
    """Check within ten seconds that the job server at ``endpoint``, HOST:PORT, answers.

    Raises:
        ConfigError: nothing listens there, or it is not a job server.
    """
    trouble = _unreachable(endpoint) or _no_job_server(endpoint)
    if trouble:
        raise ConfigError(
            f"beam.job_endpoint: {endpoint}: {trouble}.\nStart Beam's job server there, or correct the key; "
            "docs/beam.md says how."
        )


def _unreachable(endpoint: str) -> str | None:
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
    except (socket.gaierror, UnicodeError):
        return f"the host {host} is unknown"
    except TimeoutError:
        return f"no answer within {_SECONDS:g} s"
    except OSError as error:
        return f"nothing listens ({error.strerror})"
    return None


def _no_job_server(endpoint: str) -> str | None:
    """Beam's client would keep asking another kind of server until its own time-out."""
    with grpc.insecure_channel(endpoint) as channel:
        try:
            channel.unary_unary(_DESCRIBE)(b"", timeout=_SECONDS)
        except grpc.RpcError as error:
            return _explained(error)
    return None


def _explained(error: grpc.RpcError) -> str:
    code = error.code()
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return "a gRPC server listens, but not Beam's job service (a worker pool?)"
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"something listens, but does not answer as a job server within {_SECONDS:g} s"
    if code == grpc.StatusCode.UNAVAILABLE:
        return "something listens that does not speak gRPC (Flink's web port?)"
    return f"the job server fails ({code.name}: {' '.join((error.details() or '').split())[:200]})"
