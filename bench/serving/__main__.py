"""How fast the embedded server is, compared with a naive servicer, an empty gRPC handler and Ray Serve.

Servers run on one core, the load on another, in turns in one run. ``--target host:port`` compares with any other server
with the same API, such as TF Serving, instead; ``--write_models FOLDER`` writes the models for it to serve. See
docs/serving_speed.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from bench.serving import models as serving_models
from bench.serving import ray_serve, report
from bench.serving.load import LoadProcess, Slice
from bench.serving.models import Case
from bench.serving.processes import ServerProcess, cores, module

_ROOT = Path(__file__).resolve().parents[2]
_RAY_ENVIRONMENT = _ROOT / "build" / "bench_ray"
_FIRST_SECONDS = 0.3
_REST_PATH = "/v1/models/{model}:predict"
_PARTS = (
    "batching",  # part: batching
    "request_log",  # part: request_log
    "rest",  # part: rest
    "ray",
)
_MODELS = ("taxi", "half_plus_two", "cnn")
# Dynamic batching is for many callers: a queue of one millisecond, up to one row per caller.
_BATCHING = "max_batch_size { value: 32 }\nbatch_timeout_micros { value: 1000 }\nnum_batch_threads { value: 1 }\n"


class ServingBench:
    """Starts servers in groups and sends requests to those of a group in turns.

    Args:
        options: the parsed flags.
        base_paths: base path of each model, by name.
        scratch: folder for config files and logs.
    """

    def __init__(self, options: argparse.Namespace, base_paths: Mapping[str, Path], scratch: Path):
        self._options = options
        self._base_paths = base_paths
        self._scratch = scratch
        self._server_core, self._load_core = cores()
        self._config = scratch / "models.config"
        self._config.write_text(serving_models.models_config(base_paths))

    def ours(self, name: str, *flags: object) -> ServerProcess:
        """The embedded server with its defaults and ``flags``."""
        command = module("serving.server", "--port", 0, "--model_config_file", self._config, *flags)
        return ServerProcess(name, command, core=self._server_core)

    def batching(self, *flags: object) -> ServerProcess:
        """The embedded server with dynamic batching."""
        file = self._scratch / "batching.txt"
        file.write_text(_BATCHING)
        return self.ours("ours, batching", "--enable_batching", "--batching_parameters_file", file, *flags)

    def peer(self, kind: str) -> ServerProcess:
        """The peer server ``kind``, ``naive`` or ``empty``."""
        models = [f"{name}={serving_models.newest(path)}" for name, path in self._base_paths.items()]
        command = module("bench.serving.peers", kind, "--models", *models)
        return ServerProcess(kind, command, core=self._server_core)

    def ray(self, python: Path) -> ServerProcess:
        """Ray Serve with the taxi model."""
        model = serving_models.newest(self._base_paths["taxi"])
        command = [str(python), "-m", "bench.serving.ray_serve", "--saved_model", str(model)]
        return ServerProcess(
            "Ray Serve", command, core=self._server_core, starts_anywhere=True, environment={"PYTHONPATH": str(_ROOT)}
        )

    def compare(
        self,
        servers: Mapping[str, ServerProcess],
        cases: Sequence[Case],
        *,
        rest: bool = False,
        clients: int | None = None,
    ) -> dict[str, dict[str, list[Slice]]]:
        """Measure all cases on all servers in turns; return the slices by case and server."""
        results = {case.name: {name: [] for name in self._targets(servers)} for case in cases}
        with ExitStack() as stack:
            for server in servers.values():
                stack.enter_context(server)
            for server in servers.values():
                server.wait_until_ready()
            load = stack.enter_context(LoadProcess(core=self._load_core))
            # The first turn warms up: graphs are optimised in their first runs.
            for turn in range(self._options.repeats + 1):
                for case in cases:
                    for name in results[case.name]:
                        target, pid = self._address(name, servers, rest=rest)
                        measured = load.run(
                            target,
                            case.rest if rest else case.grpc,
                            pid=pid,
                            seconds=self._options.seconds if turn else min(_FIRST_SECONDS, self._options.seconds),
                            clients=clients or self._options.clients,
                            rest_path=_REST_PATH.format(model=case.model) if rest else "",
                        )
                        results[case.name][name] += [measured] if turn else []
        print(report.table(results), file=sys.stderr, flush=True)
        return results

    def _targets(self, servers: Mapping[str, ServerProcess]) -> list[str]:
        return [*servers, *(["target"] if self._options.target else [])]

    def _address(self, name: str, servers: Mapping[str, ServerProcess], *, rest: bool) -> tuple[str, int | None]:
        if name == "target":
            return (self._options.rest_target if rest else self._options.target), self._options.target_pid
        # "serving a, b at host:port, REST at host:port", or "ready host:port".
        words = servers[name].line.replace(",", " ").split()
        addresses = [word for word in words if ":" in word]
        return addresses[1 if rest else 0], servers[name].pid


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each request and peer, and the headline: ours over naive, taxi, one example."""
    options = _parse(arguments)
    names = frozenset(options.models)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            base_paths = serving_models.folders(options.write_models or Path(scratch), names=names)
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 2
        if options.write_models:
            file = options.write_models / "models.config"
            file.write_text(serving_models.models_config(base_paths))
            print(f"wrote {file}", file=sys.stderr)
            return 0
        if len(set(cores())) == 1:
            print("there is only one core: servers and load share it", file=sys.stderr)
        bench = ServingBench(options, base_paths, Path(scratch))
        cases = serving_models.cases(names)
        for line in (_against_target if options.target else _against_peers)(bench, cases, options, Path(scratch)):
            print(line, flush=True)
    return 0


def _against_peers(
    bench: ServingBench, cases: Sequence[Case], options: argparse.Namespace, scratch: Path
) -> Iterator[str]:
    servers = {"ours": bench.ours("ours"), "naive": bench.peer("naive"), "empty": bench.peer("empty")}
    results = bench.compare(servers, cases)
    for peer in ("empty", "naive"):
        for name, of in results.items():
            yield report.line(name, ours=of["ours"], peer=of[peer], peer_name=peer)
    first = cases[:1]
    if "batching" in options.parts:
        yield from _batching(bench, first, clients=4 * options.clients)
    if "request_log" in options.parts:
        yield from _request_log(bench, first, scratch)
    if "rest" in options.parts:
        yield from _rest(bench, [case for case in cases if case.rest])
    if "ray" in options.parts and first[0].model == "taxi":
        yield from _ray(bench, first)
    of = results[first[0].name]
    yield report.line(first[0].name, ours=of["ours"], peer=of["naive"], peer_name="naive")


def _batching(bench: ServingBench, cases: Sequence[Case], *, clients: int) -> Iterator[str]:
    """Many callers at once, with enough threads for all of them to wait in the queue."""
    threads = ("--grpc_max_threads", clients)
    servers = {"batching": bench.batching(*threads), "ours": bench.ours("ours", *threads), "naive": bench.peer("naive")}
    for name, of in bench.compare(servers, cases, clients=clients).items():
        what = f"{name}, {clients} clients"
        yield report.line(f"{what}, batching", ours=of["batching"], peer=of["naive"], peer_name="naive")
        yield report.line(f"{what}, batching", ours=of["batching"], peer=of["ours"], peer_name="unbatched")


def _request_log(bench: ServingBench, cases: Sequence[Case], scratch: Path) -> Iterator[str]:
    flags = {
        f"request log {rate}": ("--request_log_folder", scratch / f"log-{rate}", "--request_log_sampling_rate", rate)
        for rate in (0.1, 1.0)
    }
    servers = {"plain": bench.ours("plain"), **{name: bench.ours(name, *flag) for name, flag in flags.items()}}
    for name, of in bench.compare(servers, cases).items():
        for log in flags:
            yield report.line(f"{name}, {log}", ours=of[log], peer=of["plain"], peer_name="plain")


def _rest(bench: ServingBench, cases: Sequence[Case]) -> Iterator[str]:
    """REST compared with gRPC of the same server; a side figure, not in turns."""
    if not cases:
        return
    over_rest = bench.compare({"ours": bench.ours("ours", "--rest_api_port", -1)}, cases, rest=True)
    over_grpc = bench.compare({"ours": bench.ours("ours")}, cases)
    for name, of in over_rest.items():
        yield report.line(f"{name}, REST", ours=of["ours"], peer=over_grpc[name]["ours"], peer_name="grpc")


def _ray(bench: ServingBench, cases: Sequence[Case]) -> Iterator[str]:
    python, reason = ray_serve.environment(_RAY_ENVIRONMENT)
    if python is None:
        print(f"skipped: {reason}", file=sys.stderr)
        return
    try:
        results = bench.compare({"ours": bench.ours("ours"), "ray": bench.ray(python)}, cases)
    except RuntimeError as error:
        print(f"skipped: {error}", file=sys.stderr)
        return
    for name, of in results.items():
        yield report.line(name, ours=of["ours"], peer=of["ray"], peer_name="ray")


def _against_target(
    bench: ServingBench, cases: Sequence[Case], options: argparse.Namespace, scratch: Path
) -> Iterator[str]:
    rest = [case for case in cases if case.rest] if options.rest_target else []
    results = {"gRPC": bench.compare({"ours": bench.ours("ours")}, cases)}
    if rest:
        results["REST"] = bench.compare({"ours": bench.ours("ours", "--rest_api_port", -1)}, rest, rest=True)
    for api, row in results.items():
        for name, of in row.items():
            yield report.line(f"{name}, {api}", ours=of["ours"], peer=of["target"], peer_name="target")
    of = results["gRPC"][cases[0].name]
    yield report.line(f"{cases[0].name}, gRPC", ours=of["ours"], peer=of["target"], peer_name="target")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--repeats", type=int, default=5)
    add("--seconds", type=float, default=0.8, help="duration of each slice of load")
    add("--clients", type=int, default=8, help="requests in flight at a time")
    add("--models", nargs="+", choices=_MODELS, default=_MODELS)
    add("--quick", action="store_true", help="one short repeat, to try it out")
    add("--parts", nargs="*", choices=_PARTS, default=_PARTS, help="comparisons beyond the naive and the empty server")
    add("--write_models", type=Path, help="write the models and a models.config for another server, then exit")
    add("--target", help="host:port of a server with those models to compare with instead of the peers")
    add("--rest_target", help="host:port of its REST API")
    add("--target_pid", type=int, help="process id of that server if it runs on this machine, for its CPU per request")
    options = parser.parse_args(arguments)
    if options.quick:
        options.repeats, options.seconds = 1, min(options.seconds, 0.3)
    if options.rest_target and not options.target:
        parser.error("--rest_target requires --target")
    return options


if __name__ == "__main__":
    sys.exit(main())
