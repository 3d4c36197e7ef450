"""``python -m pipeline run``: run the pipeline, and ask the model that it pushed."""

from __future__ import annotations

import argparse

from components.messages import one_line
from pipeline import node_range
from pipeline.checks import checks
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.environment import quiet_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--from", dest="from_node", metavar="NODE", help="start here; what comes before is reused")
    parser.add_argument("--to", dest="to_node", metavar="NODE", help="stop after this node")
    parser.add_argument(
        "--bless-anyway",
        default=None,
        metavar="REASON",
        help="for this run, ModelGate and ReferenceGate do not refuse; the reason is recorded",
    )
    parser.add_argument("--wait", action="store_true", help="wait for another run of this pipeline to end")


def run(config: Config, options: argparse.Namespace) -> int:
    """Check the config, then run it; see `pipeline.job.run`.

    Raises:
        ConfigError: the pipeline belongs to a platform, the config is wrong, or a reason is missing.
    """
    reason = options.bless_anyway
    if reason is not None and not reason.strip():
        raise ConfigError('--bless-anyway: the reason is empty; say why, such as --bless-anyway "new label since May"')
    if config.platform:
        raise ConfigError(
            f"--profile {options.profile}: runs on {type(config.platform).__name__}; send it there with "
            f"`python -m kubeflow submit --profile {options.profile}`."
        )
    node_range.check(config, from_node=options.from_node, to_node=options.to_node)
    checks.check(config)
    quiet_tensorflow(verbose=options.verbose)
    from pipeline import job

    return job.run(
        config,
        from_node=options.from_node,
        to_node=options.to_node,
        wait=options.wait,
        verbose=options.verbose,
        bless_anyway=one_line((reason or "").strip()),
    )
