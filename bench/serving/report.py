"""The benchmark's JSON lines and table, from slices of load."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from bench import report
from bench.serving.load import Slice

PEERS = {
    "naive": "a naive Python servicer: grpc.server, make_ndarray, eager signature, make_tensor_proto",
    "empty": "an empty handler: grpc.server, bytes in, a ready response out",
    "ray": "Ray Serve's gRPC proxy, one replica with this project's engine and codec",
    "target": "the server at --target",
    "plain": "this server without a request log",
    "unbatched": "this server without batching",
    "grpc": "this server over gRPC",
}


def line(what: str, *, ours: Sequence[Slice], peer: Sequence[Slice], peer_name: str, **more: object) -> str:
    """One JSON line: requests per second, ours over the peer's, with latency and CPU of both."""
    cpu, peer_cpu = _median(ours, lambda slice_: slice_.server_us), _median(peer, lambda slice_: slice_.server_us)
    return report.line(
        f"serving, {what}",
        ours=[slice_.rate for slice_ in ours],
        peer=[slice_.rate for slice_ in peer],
        unit="requests/s",
        peer_name=PEERS[peer_name],
        server_us=cpu,
        peer_server_us=peer_cpu,
        cpu_ratio=round(cpu / peer_cpu, 3) if cpu and peer_cpu else None,
        p50_p99_ms=_latency(ours),
        peer_p50_p99_ms=_latency(peer),
        client_busy=_median(ours, lambda slice_: slice_.client_busy),
        peer_client_busy=_median(peer, lambda slice_: slice_.client_busy),
        **more,
    )


def table(results: Mapping[str, Mapping[str, Sequence[Slice]]]) -> str:
    """A Markdown table: requests per second and CPU microseconds, by request and server."""
    servers = list(dict.fromkeys(name for row in results.values() for name in row))
    lines = [f"| requests/s (CPU µs a request) | {' | '.join(servers)} |", "|---" * (len(servers) + 1) + "|"]
    for case, row in results.items():
        lines.append(f"| {case} | {' | '.join(_cell(row[name]) if name in row else '' for name in servers)} |")
    return "\n".join(lines)


def _cell(slices: Sequence[Slice]) -> str:
    cpu = _median(slices, lambda slice_: slice_.server_us)
    return f"{statistics.median(slice_.rate for slice_ in slices):,.0f}" + ("" if cpu is None else f" ({cpu:,.0f})")


def _latency(slices: Sequence[Slice]) -> list[float | None]:
    return [_median(slices, lambda slice_: slice_.p50), _median(slices, lambda slice_: slice_.p99)]


def _median(slices: Sequence[Slice], value: Callable[[Slice], float | None]) -> float | None:
    values = [found for slice_ in slices if (found := value(slice_)) is not None]
    return round(statistics.median(values), 3) if len(values) == len(slices) else None
