"""The configuration of a small Flink cluster that runs TFX's Beam jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_OPENED = (
    "java.io java.lang java.lang.invoke java.lang.reflect java.net java.nio java.text java.time java.util "
    "java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks"
)
# What Flink's own scripts pass to Java 17; the serial collector is the cheapest on two cores.
JAVA = (
    "-XX:+UseSerialGC",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED.split()),
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
)

LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = CONSOLE
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss} %-5p %c{1} %m%n
"""

_TASK_MANAGER = {
    # Started without Flink's scripts, it wants every size of its memory by name.
    "taskmanager.cpu.cores": 1,
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "512m",
    "taskmanager.memory.task.off-heap.size": "0m",
    "taskmanager.memory.managed.size": "256m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.jvm-overhead.max": "128m",
    # TFX's graphs have hundreds of edges, and each takes some buffers.
    "taskmanager.memory.network.min": "384m",
    "taskmanager.memory.network.max": "384m",
    "taskmanager.memory.segment-size": "16kb",
}

_FAULTS = {
    # A killed task manager is noticed within seconds, and the job's lost work done again.
    "heartbeat.interval": 1000,
    "heartbeat.timeout": 8000,
    # More parallelism than there are slots, or no task manager at all, is an error and no wait of 5 minutes.
    "slot.request.timeout": 30000,
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": 3,
    # Longer than the workers of a failed task are kept for the next one (environment_cache_millis), dead or not.
    "restart-strategy.fixed-delay.delay": "8 s",
}


def cluster_config(*, folder: Path, address: str, rpc_port: int, rest_port: int, slots: int) -> dict[str, Any]:
    """What all of Flink's processes share."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        "jobmanager.rpc.address": address,
        "jobmanager.rpc.port": rpc_port,
        "rest.address": address,
        "rest.bind-address": address,
        "rest.port": rest_port,
        "taskmanager.numberOfTaskSlots": slots,
        "parallelism.default": slots,
        # Else a job with few tasks runs on one task manager alone.
        "taskmanager.load-balance.mode": "SLOTS",
        "io.tmp.dirs": str(temporary),
        **_TASK_MANAGER,
        **_FAULTS,
    }


def heap(program: str) -> tuple[str, ...]:
    """Java's own limits; those of a task manager are the sums of its configuration."""
    if program.startswith("task_manager"):
        return ("-Xmx640m", "-Xms640m", "-XX:MaxDirectMemorySize=512m", "-XX:MaxMetaspaceSize=256m")
    return ("-Xmx512m", "-XX:MaxMetaspaceSize=256m")
