"""The login that `firelib submit` uses, too."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from firelib.errors import FirelibError

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 20.0


@dataclass(frozen=True)
class Login:
    """An access token.

    Attributes:
        token: The token.
        quota_project: Project whose quota of requests is used, if the credentials name one.
    """

    token: str = field(repr=False)
    quota_project: str | None = None


def read_login(environ: Mapping[str, str], seconds: float = _SECONDS) -> Login:
    """Return the login: `GCP_ACCESS_TOKEN`, or Google's application default credentials.

    Args:
        environ: Environment variables.
        seconds: How long to wait. Google's library may search the network for a metadata server.

    Raises:
        FirelibError: There are no credentials, they have expired, or nothing responds in time.
    """
    if environ.get("GCP_ACCESS_TOKEN"):
        return Login(environ["GCP_ACCESS_TOKEN"])
    result: list[Login | Exception] = []
    thread = threading.Thread(target=_refresh, args=(result,), daemon=True)  # the process may end before it does
    thread.start()
    thread.join(seconds)
    found = result[0] if result else TimeoutError(f"no response within {seconds:g} s")
    if isinstance(found, Exception):
        reason = str(found).partition("\n")[0] or type(found).__name__
        raise FirelibError(f"not logged in to Google Cloud: {reason}", where="application default credentials")
    return found


def _refresh(result: list[Login | Exception]) -> None:
    try:
        import google.auth
        from google.auth.transport.requests import Request

        credentials, _ = google.auth.default(scopes=[_SCOPE])
        credentials.refresh(Request())
        result.append(Login(str(credentials.token), getattr(credentials, "quota_project_id", None)))
    except Exception as error:  # noqa: BLE001  raised by the caller's thread
        result.append(error)
