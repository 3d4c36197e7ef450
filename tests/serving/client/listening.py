"""A server of any handler, on a real port."""

from concurrent import futures
from contextlib import contextmanager

import grpc


@contextmanager
def listening(handler):
    """The address of a server on a real port."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
