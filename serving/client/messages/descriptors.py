"""Renew the client's copy of TF Serving's message definitions: ``python -m serving.client.messages.descriptors``.

The generated modules of tensorflow-serving-api import all of TensorFlow (seconds, half a gigabyte). The client
loads the same definitions from one file of about 60 KB instead; run this after an upgrade of the package. A test
fails when the file and the package differ.
"""

from __future__ import annotations

import importlib

from google.protobuf import descriptor_pb2, descriptor_pool

from serving.client.messages.protos import DESCRIPTOR_SET, MODULES


def build() -> bytes:
    """A serialized FileDescriptorSet with the services' messages and everything they import, dependencies first."""
    pool = descriptor_pool.Default()
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(name: str) -> None:
        descriptor = pool.FindFileByName(name)
        for dependency in descriptor.dependencies:
            if dependency.name not in files:
                add(dependency.name)
        files[name] = descriptor_pb2.FileDescriptorProto.FromString(descriptor.serialized_pb)

    for module in MODULES:
        add(importlib.import_module(f"{module}_pb2").DESCRIPTOR.name)
    return descriptor_pb2.FileDescriptorSet(file=files.values()).SerializeToString(deterministic=True)


if __name__ == "__main__":
    DESCRIPTOR_SET.write_bytes(build())
    print(f"wrote {DESCRIPTOR_SET} ({DESCRIPTOR_SET.stat().st_size} bytes)")
