"""Several hosts on one machine: network namespaces on one switch, each with its own address and its own localhost.

Nothing of the machine's own network is touched, but for one virtual cable from it to the switch, while a test runs.
"""

from __future__ import annotations

import ipaddress
import os
import random
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Host:
    """A network namespace."""

    namespace: str
    address: str


class Network:
    """A switch, ``count`` hosts on it, and this machine's own cable to it.

    Args:
        count: of hosts.
    """

    def __init__(self, count: int):
        # One process may have several networks; an interface's name has 15 characters at most.
        self._tag = f"eng{os.getpid() % 100_000}{secrets.token_hex(1)}"
        self._switch = f"{self._tag}-switch"
        self._cable = f"{self._tag}up"
        subnet = _unused_subnet()
        addresses = [str(address) for address in list(subnet.hosts())[: count + 1]]
        self._length = subnet.prefixlen
        self.address = addresses[0]
        self.hosts = [Host(f"{self._tag}-host{i}", address) for i, address in enumerate(addresses[1:])]

    def __enter__(self) -> Network:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self) -> None:
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "switch", "up")
        for number, host in enumerate(self.hosts):
            _ip("netns", "add", host.namespace)
            _ip("-n", host.namespace, "link", "set", "lo", "up")
            cable = ["link", "add", "eth0", "type", "veth", "peer", "name", f"port{number}", "netns", self._switch]
            _ip("-n", host.namespace, *cable)
            _ip("-n", host.namespace, "address", "add", f"{host.address}/{self._length}", "dev", "eth0")
            _ip("-n", host.namespace, "link", "set", "eth0", "up")
            self._plug(f"port{number}")
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "machine", "netns", self._switch)
        _ip("address", "add", f"{self.address}/{self._length}", "dev", self._cable)
        _ip("link", "set", self._cable, "up")
        self._plug("machine")

    def _plug(self, port: str) -> None:
        _ip("-n", self._switch, "link", "set", port, "master", "switch", "up")

    def __exit__(self, *_: object) -> None:
        subprocess.run(["ip", "link", "delete", self._cable], capture_output=True, check=False)
        for namespace in (*(host.namespace for host in self.hosts), self._switch):
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)


def missing() -> str | None:
    """Why there can be no such hosts here; None where there can."""
    if not shutil.which("ip"):
        return "there is no `ip` here"
    try:
        with Network(2):
            return None
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here: {error.stderr.strip()}"


def _unused_subnet() -> ipaddress.IPv4Network:
    """One of those for benchmarks of networks (RFC 2544), which nobody routes, that this machine does not use.

    Any of them: two test processes must not both take the first.
    """
    used = subprocess.run(["ip", "-4", "-o", "address"], capture_output=True, text=True, check=True).stdout
    taken = [ipaddress.ip_interface(line.split()[3]).network for line in used.splitlines()]
    subnets = ipaddress.ip_network("198.18.0.0/15").subnets(new_prefix=24)
    return random.choice([subnet for subnet in subnets if not any(subnet.overlaps(other) for other in taken)])


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)
