"""Ask whether Ray answers at an address, without Ray: its own client logs to the terminal and waits for minutes."""

import os
import socket
import time
from threading import Thread

_SECONDS = 5.0
# Every gRPC server answers HTTP/2's preface with a SETTINGS frame, before it asks for a token.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_FRAME_HEADER, _SETTINGS = 9, 4
_LAST_PORT = 65535


def probe(address: str, seconds: float = _SECONDS) -> None:
    """Return if a gRPC server answers.

    Args:
        address: `host:port` or `ray://host:port`.
        seconds: How long all of it may take, looking up the name included.

    Raises:
        OSError: The address is wrong, or nothing answers there.
    """
    host, port = _parse(address)
    failures: list[Exception] = []

    def ask() -> None:
        try:
            _ask(host, port, seconds)
        except OSError as error:
            failures.append(error)

    # A resolver takes no timeout: the thread is left behind when it hangs.
    asking = Thread(target=ask, name="ray-probe", daemon=True)
    asking.start()
    asking.join(seconds)
    if asking.is_alive():
        raise TimeoutError(f"no answer in {seconds:g} s")
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
            return  # the preface would have to be encrypted
        connection.sendall(_PREFACE)
        answer = b""
        while len(answer) < _FRAME_HEADER:
            connection.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                part = connection.recv(_FRAME_HEADER - len(answer))
            except TimeoutError:
                raise TimeoutError(f"the port is open, but sends no answer in {seconds:g} s") from None
            if not part:
                raise ConnectionError("the port is open, but closes the connection")
            answer += part
    if answer[3] != _SETTINGS:
        raise ConnectionError("the port is open, but does not speak gRPC (is it Ray's dashboard?)")
