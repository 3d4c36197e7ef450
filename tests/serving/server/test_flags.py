"""The server's command line, before anything is loaded."""

from __future__ import annotations

import pytest

from serving.server.flags import parse
from tests.serving.support.command_line import MODEL, refusal


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "--model_base_path or --model_config_file: one of them is needed"),
        ([*MODEL, "--port=99999"], "--port: must be at least 0 and at most 65535"),
        ([*MODEL, "--file_system_poll_wait_seconds=nan"], "--file_system_poll_wait_seconds: must be at least 0 and"),
        ([*MODEL, "--file_system_poll_wait_seconds=1e10"], "--file_system_poll_wait_seconds: must be at least 0 and"),
        ([*MODEL, "--shutdown_grace_seconds=-1"], "--shutdown_grace_seconds: must be at least 0 and"),
        ([*MODEL, "--max_concurrent_requests=-1"], "--max_concurrent_requests: must be at least 0"),
        ([*MODEL, "--grpc_max_threads=0"], "--grpc_max_threads: must be at least 1"),
        ([*MODEL, "--enable_model_warmup=perhaps"], "'perhaps' is not true or false"),
        ([*MODEL, "--grpc_channel_arguments=a"], "'a' is not KEY=VALUE"),
        ([*MODEL, "--enable_profiler"], "unrecognized arguments: --enable_profiler"),
    ],
)
def test_an_invalid_flag_is_answered_in_two_lines(capsys, words, error):
    assert error in refusal(capsys, *words)


@pytest.mark.parametrize(("words", "on"), [([], False), (["=true"], True), (["=0"], False), (["", "true"], True)])
def test_switches_may_have_a_value(words, on):
    flag = "--enable_grpc_healthcheck_service"
    given = [f"{flag}{words[0]}", *words[1:]] if words else []
    assert parse([*MODEL, *given], description="")[0].enable_grpc_healthcheck_service is on
    assert parse([*MODEL, flag], description="")[0].enable_grpc_healthcheck_service


def test_values_have_the_types_of_their_flags():
    options, _ = parse(
        [*MODEL, "--host=[::1]", "--grpc_channel_arguments=grpc.a=1,grpc.b=x", "--max_num_load_retries=-1"],
        description="",
    )
    assert options.host == "::1"
    assert options.grpc_channel_arguments == (("grpc.a", 1), ("grpc.b", "x"))
    assert options.max_num_load_retries is None
