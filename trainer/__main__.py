"""``python -m trainer --job FILE.json``: one process of a training outside of a pipeline.

With --hosts it is one of several on plain hosts; with TF_CONFIG, as the Kubeflow Training Operator and Vertex AI set
it, one of a cluster; without either it trains alone.

Exit codes: 0 done, 2 bad usage, job or cluster, 75 stopped by SIGTERM (run it again to resume), 1 any other error.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from trainer import job
from trainer.distribution import cluster
from trainer.distribution.preemption import RESUMABLE_EXIT_CODE, Preempted

DONE, BROKEN, BAD_USAGE = 0, 1, 2


def _parser() -> argparse.ArgumentParser:
    summary, *rest = (__doc__ or "").split("\n\n")
    parser = argparse.ArgumentParser(prog="python -m trainer", description=summary, epilog="\n\n".join(rest))
    parser.add_argument("--job", type=Path, required=True, metavar="FILE.json", help="inputs, outputs and parameters")
    parser.add_argument("--hosts", metavar="HOST:PORT,...", help="all processes, the chief first; the same everywhere")
    parser.add_argument("--index", type=int, metavar="N", help="which of --hosts this process is, from 0 on")
    parser.add_argument("--verbose", action="store_true", help="show all logs, and tracebacks of errors")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and return the exit code; errors are one or two lines on stderr."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.hosts is None) != (options.index is None):
        parser.error("--hosts and --index go together")
    signal.signal(signal.SIGTERM, _stop)
    try:
        if options.hosts is not None:
            os.environ[cluster.TF_CONFIG] = cluster.tf_config(options.hosts.split(","), options.index)
        cluster.from_environment()
        task = job.read(options.job)
        job.check_inputs(task)
        _show_progress()
        with _quiet(verbose=options.verbose):
            run_fn, fn_args = _function(task.run_fn), task.fn_args()
        run_fn(fn_args)
        return DONE
    except (cluster.ClusterError, job.JobError) as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    except Preempted as error:
        print(error, file=sys.stderr)
        return RESUMABLE_EXIT_CODE
    except KeyboardInterrupt:
        print("interrupted; run it again to resume from the last checkpoint.", file=sys.stderr)
        return BROKEN
    except Exception as error:
        if options.verbose:
            traceback.print_exc()
        print(_described(error), file=sys.stderr)
        return BROKEN


def _described(error: Exception) -> str:
    # TensorFlow's own message is a page about the step that failed.
    if type(error).__name__ == "UnavailableError":
        return "another process of this training was lost; start all of them again to resume from the last checkpoint"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:600]}"


def _stop(number: int, frame: FrameType | None) -> None:
    """Exit at once: before and after the steps there is nothing to save."""
    sys.exit(RESUMABLE_EXIT_CODE)


def _show_progress() -> None:
    progress = logging.getLogger("trainer.loop.progress")
    progress.addHandler(logging.StreamHandler(sys.stdout))
    progress.setLevel(logging.INFO)
    progress.propagate = False


@contextmanager
def _quiet(*, verbose: bool) -> Iterator[None]:
    """Around the imports of TensorFlow and TFX: later as well, nothing but errors that end the process is logged.

    While they are imported, C++ code logs to the descriptor itself before it looks at any level.
    """
    if verbose:
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("absl", "tensorflow", "apache_beam"):
        logging.getLogger(name).setLevel(logging.ERROR)
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _function(path: str) -> Callable[..., None]:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise job.JobError(f"run_fn: {path} cannot be imported ({error}).") from None


if __name__ == "__main__":
    # After a lost peer, threads of TensorFlow wait for it forever.
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code) if code == BROKEN else sys.exit(code)
