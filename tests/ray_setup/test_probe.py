import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from firelib.ray_setup.probe import probe


@contextmanager
def server(answer: bytes | None) -> Iterator[str]:
    """Serve a port that accepts one connection and sends `answer`, or nothing if it is None."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(answer or b"")

        if answer is not None:
            Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.usefixtures("ray_cluster")
def test_running_ray() -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    probe(address)
    probe(f"ray://{address}")  # the client server speaks gRPC, too


def test_closed_port() -> None:
    with server(None) as address:
        pass
    with pytest.raises(ConnectionRefusedError):
        probe(address)


def test_unresponsive_port() -> None:
    began = time.monotonic()
    with server(None) as address, pytest.raises(TimeoutError):
        probe(address, 0.3)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\0\0"], ids=["http", "closed", "short"])
def test_other_server(answer: bytes) -> None:
    with server(answer) as address, pytest.raises(ConnectionError):
        probe(address)


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "http://head:8265", "head:x", "head:65536"])
def test_invalid_address(address: str) -> None:
    with pytest.raises(OSError, match="expected host:port"):
        probe(address)


def test_unknown_host_name() -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011  a gaierror, or a timeout if the resolver hangs
        probe("head.invalid:6379", 2)
    assert isinstance(caught.value, (socket.gaierror, TimeoutError))
