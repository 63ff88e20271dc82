"""Values of Google's Secret Manager, read where a job runs, with the job's own identity."""

import base64
import json
from collections.abc import Callable, MutableMapping
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.job_environment import SECRETS

_ENDPOINT = "https://secretmanager.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_OK = 200


def secret_value(name: str, session: Any = None, endpoint: str = _ENDPOINT) -> str:
    """The value of a version of a secret.

    Args:
        name: `projects/P/secrets/S/versions/N`.
        session: Sends requests; None is one with this machine's Google identity.
        endpoint: Of the service.

    Raises:
        FirelibError: There is no identity, or it may not read the secret, or there is none.
    """
    answer = (session or _session()).get(f"{endpoint}/v1/{name}:access", timeout=30)
    if answer.status_code != _OK:
        raise FirelibError(
            f"the secret cannot be read: HTTP {answer.status_code}",
            where=name,
            remedy="does it exist? The job's service account needs roles/secretmanager.secretAccessor",
        )
    return base64.b64decode(answer.json()["payload"]["data"]).decode().strip()


def read_cloud_secrets(environ: MutableMapping[str, str], read: Callable[[str], str] = secret_value) -> None:
    """Put the values of a job's `gcp:` references into an environment; other references stay for the stage to read.

    Raises:
        FirelibError: One cannot be read.
    """
    secrets = json.loads(environ.pop(SECRETS, "{}"))
    others = {}
    for name, reference in secrets.items():
        kind, _, place = reference.partition(":")
        if kind == "gcp":
            environ[name] = read(place)
        else:
            others[name] = reference
    if others:
        environ[SECRETS] = json.dumps(others)


def _session() -> Any:
    try:
        import google.auth
        from google.auth.transport.requests import AuthorizedSession
    except ImportError as error:
        raise FirelibError(
            "secrets of Secret Manager need google-auth", where="this image", remedy="build it with --extra gcs"
        ) from error
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise FirelibError(
            "this process has no Google identity", where="Secret Manager", remedy="run it with a service account"
        ) from error
    return AuthorizedSession(credentials)
