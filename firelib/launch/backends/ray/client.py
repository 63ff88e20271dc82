"""Client of Ray's job API, whose errors say what is wrong and how to correct it."""

import asyncio
import logging
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from firelib.cluster.ssh import HostUnreachableError
from firelib.cluster.tunnel import resolve_address
from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.ray_setup.token import enable_token_auth, ray_token, token_file

_connecting = Lock()  # variables belong to the whole process, and `firelib jobs` asks for several jobs at once
_NO_AGENT = "No available agent"  # of Ray's answer while the agents start, which has the status code of any failure
_ADDRESS_VARIABLES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")


class HeadNotReadyError(FirelibError):
    """The head answers, but cannot start jobs yet."""


def connect(address: str) -> Any:
    """Return Ray's `JobSubmissionClient` for the dashboard at an address.

    Args:
        address: URL of the dashboard; `cluster:PATH` opens an SSH tunnel to the head of that cluster file.

    Raises:
        LostConnectionError: The dashboard, or the head's SSH server, does not answer.
        FirelibError: The dashboard refuses.
    """
    enable_token_auth()
    url = _resolve(address)
    from ray.job_submission import JobSubmissionClient

    for name in ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.WARNING)  # hides each upload and each closed socket
    with translate_errors(address), _connecting, _without_address_variables():
        return JobSubmissionClient(url)


def _resolve(address: str) -> str:
    try:
        return resolve_address(address)
    except HostUnreachableError as error:
        raise LostConnectionError(error.what, where=error.where, remedy=error.remedy) from None


@contextmanager
def _without_address_variables() -> Iterator[None]:
    """Unset the variables that Ray's client prefers over its argument."""
    saved = {name: os.environ.pop(name) for name in _ADDRESS_VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(saved)


@contextmanager
def translate_errors(address: str) -> Iterator[None]:
    """Translate the errors of Ray's client into errors with a remedy.

    Raises:
        LostConnectionError: The head does not answer.
        HeadNotReadyError: No agent of Ray can start a job yet.
        FirelibError: The head refuses.
    """
    import aiohttp
    import requests
    from ray.exceptions import AuthenticationError

    try:
        yield
    except AuthenticationError as error:
        raise _authentication_error(str(error), address) from None
    except aiohttp.WSServerHandshakeError as error:
        if error.status in (401, 403):
            raise _authentication_error(f"Authentication {error.status}", address) from None
        raise LostConnectionError(f"Ray's head answers HTTP {error.status}", where=address) from None
    except (ConnectionError, requests.ConnectionError, requests.Timeout, aiohttp.ClientError) as error:
        raise LostConnectionError(
            f"Ray's head does not answer: {type(error).__name__}",
            where=address,
            remedy="start the cluster, or forward the dashboard's port: ssh -L 8265:localhost:8265 HEAD",
        ) from None
    except (RuntimeError, ValueError) as error:
        if _NO_AGENT in str(error):
            raise _not_ready(address) from None
        raise FirelibError(f"Ray's head refuses: {error}", where=address, remedy="run firelib doctor") from None


def _not_ready(address: str) -> HeadNotReadyError:
    return HeadNotReadyError(
        "none of Ray's agents, which start jobs, has registered with the head",
        where=address,
        remedy="wait until the hosts are less busy, then run the same command again; the agents' logs are in "
        "/tmp/ray/session_latest/logs/dashboard_agent.log of each host",
    )


def _authentication_error(message: str, address: str) -> FirelibError:
    file = token_file(os.environ, Path.home())
    if ray_token(os.environ, Path.home()) is None:
        return FirelibError(
            f"Ray's head requires a token (401), but {file} does not exist",
            where=address,
            remedy=f"copy the cluster's token there (chmod 600 {file}), or name its file in RAY_AUTH_TOKEN_PATH",
        )
    mode = os.environ.get("RAY_AUTH_MODE")
    if mode != "token":
        return FirelibError(
            f"Ray's head requires a token (401), but RAY_AUTH_MODE={mode} makes Ray's client withhold it",
            where=address,
            remedy="export RAY_AUTH_MODE=token",
        )
    is_wrong_token = "failed" in message or "403" in message
    return FirelibError(
        "Ray's head refuses the token (403): it belongs to another cluster"
        if is_wrong_token
        else f"Ray's head refuses: {message}",
        where=f"{address}, token of {'RAY_AUTH_TOKEN' if os.environ.get('RAY_AUTH_TOKEN') else file}",
        remedy="copy the token file of the cluster's head",
    )


def follow_log(client: Any, job_id: str, address: str) -> Iterator[str]:
    """Yield a job's log from its beginning, as it grows.

    Args:
        client: Ray's `JobSubmissionClient`.
        job_id: Ray's submission id.
        address: Address of the dashboard, for errors.

    Raises:
        LostConnectionError: The connection ended before the log did.
    """
    loop = asyncio.new_event_loop()
    chunks = client.tail_job_logs(job_id)
    try:
        while (chunk := _run(loop, _next_chunk(chunks, address))) is not None:
            yield chunk
    finally:
        with suppress(RuntimeError):  # a signal interrupted the generator, which is then said to run still
            loop.run_until_complete(chunks.aclose())
        loop.close()


def _run(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, str | None]) -> str | None:
    """Return a coroutine's result; cancel it if a signal handler raises meanwhile."""
    task = loop.create_task(coroutine)
    try:
        return loop.run_until_complete(task)
    except BaseException:
        task.cancel()
        loop.run_until_complete(asyncio.wait([task]))
        raise


async def _next_chunk(chunks: Any, address: str) -> str | None:
    with translate_errors(address):
        try:
            return str(await anext(chunks))
        except StopAsyncIteration:
            return None
        except RuntimeError as error:  # Ray raises this when the socket was closed
            raise LostConnectionError(str(error), where=address) from None
