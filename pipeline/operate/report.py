"""``python -m pipeline report``: write the page of a run, also of one that was refused, failed or was killed."""

from __future__ import annotations

import argparse
import functools
import logging
import os
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from components.messages import known_names
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.environment import quiet_tensorflow
from pipeline.records import printing
from pipeline.records.runs import Records, required
from pipeline.running.console import quiet

# Of this machine alone: the pages hold rows of the data.
_HOST = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--run", metavar="ID", help="number or start of the id of a run (default: the last one)")
    parser.add_argument("--serve", action="store_true", help="then show the pages to browsers of this machine")
    parser.add_argument("--port", type=int, default=8080, metavar="PORT", help="for --serve (default: %(default)s)")
    printing.add_json(parser)


def run(config: Config, options: argparse.Namespace) -> int:
    """Write the page, and print where it is; returns 0.

    Raises:
        ConfigError: there is no such run, or the port is taken.
    """
    if options.serve and options.json:
        raise ConfigError("--json prints one document, and --serve keeps running: give one of them.")
    records = required(config)
    context = _chosen(records, options.run)
    quiet_tensorflow(verbose=options.verbose)
    # While it is imported, TensorFlow's C++ code logs to the descriptor itself before it looks at any level.
    with quiet(Path(os.devnull), verbose=options.verbose):
        from pipeline.report import index, page
        from pipeline.report.run import ReportedRun
    if not options.verbose:
        # TFMA reads its files in a way that TensorFlow calls deprecated.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    path = page.write(ReportedRun(config=config, records=records, context=context, later=True))
    if options.json:
        printing.print_json({"run": context.name, "page": str(path), "index": str(path.with_name(index.NAME))})
    else:
        print(printing.path(path), flush=True)
    if options.serve:
        _serve(path, options.port)
    return 0


def _chosen(records: Records, wanted: str | None) -> metadata_store_pb2.Context:
    if wanted is None:
        return records.contexts[0]
    by_number = {str(records.number(context)): context for context in records.contexts}
    found = [context for context in records.contexts if context.name.startswith(wanted)]
    if wanted in by_number:
        return by_number[wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"--run {wanted}: {len(found)} runs begin with this; give more of the id.")
    names = known_names([context.name for context in records.contexts], like=wanted)
    raise ConfigError(f"--run {wanted}: there is no such run; there are 1 to {len(records.contexts)}, or {names}.")


def _serve(path: Path, port: int) -> None:
    """Show the pages until Ctrl-C."""
    handler = functools.partial(_Quiet, directory=str(path.parent))
    try:
        server = ThreadingHTTPServer((_HOST, port), handler)
    except OSError as error:
        raise ConfigError(f"--port {port}: cannot be used ({error.strerror}); give another one.") from None
    with server:
        print(f"serving http://{_HOST}:{server.server_port}/{path.name} (Ctrl-C ends it)", flush=True)
        server.serve_forever()


class _Quiet(SimpleHTTPRequestHandler):
    """Without a line for each request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        """Print nothing."""
