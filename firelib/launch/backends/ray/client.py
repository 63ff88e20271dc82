"""Ray's job API over HTTP, with errors that say what is missing."""

import asyncio
import logging
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.ray_setup.token import enable_token_auth, ray_token, token_file

_OVERRIDES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")


def check_address(address: str) -> str | None:
    """What is wrong with the address of a dashboard, or None."""
    if address.startswith(("http://", "https://")):
        return None
    return f"target.address: should be that of Ray's dashboard, http://HOST:8265, got {address!r}"


def connect(address: str) -> Any:
    """Ray's `JobSubmissionClient` for a dashboard.

    Raises:
        FirelibError: It does not answer, or refuses.
    """
    enable_token_auth()
    from ray.job_submission import JobSubmissionClient

    for name in ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.WARNING)  # uploads and closed sockets help nobody
    with explained(address), _own_address():
        return JobSubmissionClient(address)


@contextmanager
def _own_address() -> Iterator[None]:
    """Ray's client takes the address of the environment, whatever it is told."""
    kept = {name: os.environ.pop(name) for name in _OVERRIDES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn what Ray's client raises into errors that say what to do.

    Raises:
        LostConnectionError: Nobody answers.
        FirelibError: The head refuses.
    """
    import aiohttp
    import requests
    from ray.exceptions import AuthenticationError

    try:
        yield
    except AuthenticationError as error:
        raise _refused(str(error), address) from None
    except aiohttp.WSServerHandshakeError as error:
        if error.status in (401, 403):
            raise _refused(f"Authentication {error.status}", address) from None
        raise LostConnectionError(f"Ray's head answers {error.status}", where=address) from None
    except (ConnectionError, requests.ConnectionError, requests.Timeout, aiohttp.ClientError) as error:
        raise LostConnectionError(
            f"Ray's head does not answer: {type(error).__name__}",
            where=address,
            remedy="is the cluster up, and the dashboard's port open to this host? (ssh -L 8265:localhost:8265 HEAD)",
        ) from None
    except (RuntimeError, ValueError) as error:
        raise FirelibError(f"Ray's head refuses: {error}", where=address, remedy="firelib doctor says more") from None


def _refused(said: str, address: str) -> FirelibError:
    file = token_file(os.environ, Path.home())
    if ray_token(os.environ, Path.home()) is None:
        return FirelibError(
            f"Ray's head asks for a token (401), and there is none in {file}",
            where=address,
            remedy=f"copy the cluster's token there (chmod 600 {file}), or name its file in RAY_AUTH_TOKEN_PATH",
        )
    if os.environ.get("RAY_AUTH_MODE") != "token":
        mode = os.environ.get("RAY_AUTH_MODE")
        return FirelibError(
            f"Ray's head asks for a token (401); RAY_AUTH_MODE={mode} keeps it back",
            where=address,
            remedy="export RAY_AUTH_MODE=token",
        )
    wrong = "failed" in said or "403" in said
    return FirelibError(
        "Ray's head refuses the token (403): it is not this cluster's" if wrong else f"Ray's head refuses: {said}",
        where=f"{address}, token of {'RAY_AUTH_TOKEN' if os.environ.get('RAY_AUTH_TOKEN') else file}",
        remedy="copy the token file of the cluster's head",
    )


def tail(client: Any, job_id: str, address: str) -> Iterator[str]:
    """A job's log from its beginning, as it comes.

    Raises:
        LostConnectionError: The connection ended before the log did.
    """
    loop = asyncio.new_event_loop()
    chunks = client.tail_job_logs(job_id)
    try:
        while (chunk := _wait_for(loop, _next(chunks, address))) is not None:
            yield chunk
    finally:
        loop.run_until_complete(chunks.aclose())
        loop.close()


def _wait_for(loop: asyncio.AbstractEventLoop, next_chunk: Coroutine[Any, Any, str | None]) -> str | None:
    """What a coroutine gives; a signal's exception in between cancels it."""
    task = loop.create_task(next_chunk)
    try:
        return loop.run_until_complete(task)
    except BaseException:
        task.cancel()
        loop.run_until_complete(asyncio.wait([task]))
        raise


async def _next(chunks: Any, address: str) -> str | None:
    with explained(address):
        try:
            return str(await anext(chunks))
        except StopAsyncIteration:
            return None
        except RuntimeError as error:  # Ray's word for a socket that was closed
            raise LostConnectionError(str(error), where=address) from None
