"""A cluster that cannot start says why, and leaves nothing behind."""

import subprocess
import sys

import psutil
import pytest

from tests.engines import hosts
from tests.engines.downloads import FLINK
from tests.engines.flink.cluster import FlinkCluster

pytestmark = pytest.mark.tensorflow


@pytest.fixture(autouse=True)
def _possible():
    missing = FLINK.missing() or hosts.missing()
    if missing:
        pytest.skip(missing)


def namespaces() -> set[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in listed.splitlines()}


def interfaces() -> set[str]:
    return set(psutil.net_if_addrs())


def test_hosts_see_each_other_and_are_gone_after_use():
    before = interfaces()
    with hosts.Network(2) as network:
        one, other = network.hosts
        script = f"import socket; socket.create_connection(({other.address!r}, 9), timeout=5)"
        knock = ["ip", "netns", "exec", one.namespace, sys.executable, "-c", script]
        # An answer, though nothing listens.
        assert "ConnectionRefusedError" in subprocess.run(knock, capture_output=True, text=True).stderr
        assert {one.namespace, other.namespace} <= namespaces()
    assert not {one.namespace, other.namespace} & namespaces()
    assert interfaces() <= before


def test_a_start_that_fails_half_way_leaves_nothing(tmp_path):
    before = namespaces()
    with pytest.raises(RuntimeError, match="ended; it said"), FlinkCluster(folder=tmp_path, slots=-1):
        pass
    left = [
        process.pid for process in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(process.info["cmdline"])
    ]
    assert left == []
    assert namespaces() <= before
