"""The server's command line, before anything is loaded."""

from __future__ import annotations

import pytest

from serving.server.flags import parse

MODEL = ("--model_base_path", "/models/taxi")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--model_base_path or --model_config_file: one of them is needed"),
        ([*MODEL, "--port=99999"], "--port: must lie between 0 and 65535"),
        ([*MODEL, "--file_system_poll_wait_seconds=nan"], "--file_system_poll_wait_seconds: must lie between 0 and"),
        ([*MODEL, "--file_system_poll_wait_seconds=1e10"], "--file_system_poll_wait_seconds: must lie between 0 and"),
        ([*MODEL, "--shutdown_grace_seconds=-1"], "--shutdown_grace_seconds: must lie between 0 and"),
        ([*MODEL, "--max_concurrent_requests=-1"], "--max_concurrent_requests: must be 0 or above"),
        ([*MODEL, "--grpc_max_threads=0"], "--grpc_max_threads: must be at least 1"),
        ([*MODEL, "--request_log_sampling_rate=2"], "--request_log_sampling_rate: must lie between 0 and 1"),
        ([*MODEL, "--port=8500", "--rest_api_port=8500"], "--rest_api_port: must differ from --port"),
        ([*MODEL, "--monitoring_config_file=m"], "give --rest_api_port, too"),
        ([*MODEL, "--batching_parameters_file=b"], "give --enable_batching, too"),
        ([*MODEL, "--enable_batching=perhaps"], "'perhaps' is not true or false"),
        ([*MODEL, "--grpc_channel_arguments=a"], "'a' is not KEY=VALUE"),
        ([*MODEL, "--enable_profiler"], "unrecognized arguments: --enable_profiler"),
    ],
)
def test_wrong_flags_are_told_in_two_lines(capsys, words, said):
    with pytest.raises(SystemExit) as ended:
        parse(words, description="")
    assert ended.value.code == 2
    usage, error = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: python -m serving.server")
    assert said in error


@pytest.mark.parametrize(
    ("words", "on"),
    [([], False), (["--enable_batching"], True), (["--enable_batching=true"], True), (["--enable_batching=0"], False)],
)
def test_switches_may_have_a_value(words, on):
    assert parse([*MODEL, *words], description="").enable_batching is on


def test_values_are_read_for_what_they_are():
    options = parse(
        [*MODEL, "--host=[::1]", "--grpc_channel_arguments=grpc.a=1,grpc.b=x", "--max_num_load_retries=-1"],
        description="",
    )
    assert options.host == "::1"
    assert options.grpc_channel_arguments == (("grpc.a", 1), ("grpc.b", "x"))
    assert options.max_num_load_retries is None
