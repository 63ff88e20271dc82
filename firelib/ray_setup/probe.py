"""Check whether Ray responds at an address, without Ray's client, which logs to the terminal and blocks for minutes."""

import os
import socket
import time
from threading import Thread

_TIMEOUT_SECONDS = 5.0
# A gRPC server answers HTTP/2's connection preface with a SETTINGS frame, before any authentication (RFC 9113,
# sections 3.4 and 6.5). The preface ends with an empty SETTINGS frame of its own.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_FRAME_HEADER, _SETTINGS = 9, 4  # bytes of a frame's header; the frame's type, which is the header's byte 3
_LAST_PORT = 65535


def probe(address: str, seconds: float = _TIMEOUT_SECONDS) -> None:
    """Return if a gRPC server responds at an address.

    Args:
        address: `host:port` or `ray://host:port`.
        seconds: Timeout of the whole call, including the name lookup.

    Raises:
        OSError: The address is invalid, or no gRPC server responds.
    """
    host, port = _parse(address)
    failures: list[Exception] = []

    def ask() -> None:
        try:
            _ask(host, port, seconds)
        except OSError as error:
            failures.append(error)

    # The resolver has no timeout: if it hangs, the thread is abandoned.
    thread = Thread(target=ask, name="ray-probe", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no response within {seconds:g} s")
    if failures:
        raise failures[0]


def _parse(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or "/" in host or not port.isdigit() or int(port) > _LAST_PORT:
        raise OSError(f"expected host:port, got {address!r}")
    return host.strip("[]"), int(port)


def _ask(host: str, port: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with socket.create_connection((host, port), timeout=seconds) as connection:
        if os.environ.get("RAY_USE_TLS", "0") != "0":
            return  # an open port must do: the preface would have to be encrypted
        connection.sendall(_PREFACE)
        answer = b""
        while len(answer) < _FRAME_HEADER:
            connection.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                part = connection.recv(_FRAME_HEADER - len(answer))
            except TimeoutError:
                raise TimeoutError(f"the port is open, but does not respond within {seconds:g} s") from None
            if not part:
                raise ConnectionError("the server closes the connection")
            answer += part
    if answer[3] != _SETTINGS:
        raise ConnectionError("the server does not speak gRPC (is this the port of Ray's dashboard?)")
