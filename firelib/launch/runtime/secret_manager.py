"""Secrets of Google's Secret Manager, read where a job runs, with the job's own identity."""

import base64
import json
from collections.abc import Callable, MutableMapping
from typing import Any

import stamina

from firelib.errors import FirelibError, UnreachableError
from firelib.launch.job_environment import SECRETS

_ENDPOINT = "https://secretmanager.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_OK = 200
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


def read_secret(name: str, session: Any = None, endpoint: str = _ENDPOINT) -> str:
    """Read one version of a secret.

    REST method `projects.secrets.versions.access`: https://cloud.google.com/secret-manager/docs/reference/rest

    Args:
        name: `projects/P/secrets/S/versions/N`.
        session: Sends the request; None means a session with this process's Google identity.
        endpoint: Address of the service.

    Returns:
        The value, without surrounding whitespace.

    Raises:
        UnreachableError: Secret Manager, or the server that knows this process's identity, does not answer.
        FirelibError: This process has no Google identity, or the secret does not exist or is not accessible.
    """
    answer = _ask(session or _open_session(), f"{endpoint}/v1/{name}:access")
    if answer.status_code != _OK:
        raise FirelibError(
            f"the secret cannot be read: HTTP {answer.status_code}",
            where=name,
            remedy="check that it exists, and grant the job's service account roles/secretmanager.secretAccessor",
        )
    return base64.b64decode(answer.json()["payload"]["data"]).decode().strip()


@stamina.retry(on=UnreachableError, attempts=8, timeout=120.0, wait_initial=0.5, wait_max=20.0)
def _ask(session: Any, address: str) -> Any:
    """Send a request. An exit would end a whole job for good, so what may pass in a minute is tried again."""
    from google.auth import exceptions as auth_errors
    from requests import exceptions as http_errors

    try:
        answer = session.get(address, timeout=30)
    except (auth_errors.TransportError, auth_errors.RefreshError, http_errors.RequestException) as error:
        raise _no_answer(address, str(error)) from error
    if answer.status_code in _TRANSIENT:
        raise _no_answer(address, f"HTTP {answer.status_code}")
    return answer


def _no_answer(address: str, reason: str) -> UnreachableError:
    return UnreachableError(
        f"Secret Manager does not answer: {reason}", where=address, remedy="submit the job again in a few minutes"
    )


def read_cloud_secrets(environ: MutableMapping[str, str], read: Callable[[str], str] = read_secret) -> None:
    """Replace a job's `gcp:` references in an environment by their values; leave other references to the stage.

    Args:
        environ: The environment to change.
        read: Reads the secret of a name.

    Raises:
        FirelibError: A secret cannot be read.
    """
    secrets = json.loads(environ.pop(SECRETS, "{}"))
    others = {}
    for variable, reference in secrets.items():
        kind, _, name = reference.partition(":")
        if kind == "gcp":
            environ[variable] = read(name)
        else:
            others[variable] = reference
    if others:
        environ[SECRETS] = json.dumps(others)


def _open_session() -> Any:
    try:
        import google.auth
        from google.auth.transport.requests import AuthorizedSession
    except ImportError as error:
        raise FirelibError(
            "google-auth is not installed, which Secret Manager requires",
            where="this image",
            remedy="build the image with --extra gcs",
        ) from error
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise FirelibError(
            "this process has no Google identity", where="Secret Manager", remedy="run the job with a service account"
        ) from error
    return AuthorizedSession(credentials)
