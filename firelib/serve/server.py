"""Run the server: one process on one port, which drains when it is told to stop."""

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from firelib.errors import FirelibError

_DRAIN_SECONDS = 30
_MOST_CONNECTIONS = 1024  # uvicorn answers others with status 503


class _Server(uvicorn.Server):
    """A server that calls a function once it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def run_server(app: Any, listener: socket.socket, ready: Callable[[str], None]) -> None:
    """Serve an application until SIGTERM or Ctrl-C; requests that have arrived are answered first.

    Args:
        app: The ASGI application.
        listener: A socket from `bind`.
        ready: Called with the URL once connections are accepted.

    Raises:
        KeyboardInterrupt: A signal ended the server; uvicorn raises it again when the server has drained.
    """
    address, port = listener.getsockname()[:2]
    url = f"http://{f'[{address}]' if ':' in address else address}:{port}"
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    _Server(config, lambda: ready(url)).run([listener])


def bind(host: str, port: int) -> socket.socket:
    """Bind a socket, before the model is loaded.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.

    Raises:
        FirelibError: The address cannot be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise FirelibError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}",
            where="--host, --port",
            remedy="stop the program that uses the port, or choose another: --port 0 takes a free one",
        ) from None
    return listener
