"""The access token of the login that `firelib submit` uses, too."""

import threading
from collections.abc import Mapping

from firelib.errors import FirelibError

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 20.0


def read_token(environ: Mapping[str, str], seconds: float = _SECONDS) -> str:
    """Return an access token: `GCP_ACCESS_TOKEN`, or one from Google's application default credentials.

    Args:
        environ: Environment variables.
        seconds: How long to wait. Google's library may search the network for a metadata server.

    Raises:
        FirelibError: There are no credentials, they have expired, or nothing responds in time.
    """
    if environ.get("GCP_ACCESS_TOKEN"):
        return environ["GCP_ACCESS_TOKEN"]
    result: list[str | Exception] = []
    thread = threading.Thread(target=_refresh, args=(result,), daemon=True)  # the process may end before it does
    thread.start()
    thread.join(seconds)
    found = result[0] if result else TimeoutError(f"no response within {seconds:g} s")
    if isinstance(found, Exception):
        reason = str(found).partition("\n")[0] or type(found).__name__
        raise FirelibError(f"not logged in to Google Cloud: {reason}", where="application default credentials")
    return found


def _refresh(result: list[str | Exception]) -> None:
    try:
        import google.auth
        from google.auth.transport.requests import Request

        credentials, _ = google.auth.default(scopes=[_SCOPE])
        credentials.refresh(Request())
        result.append(str(credentials.token))
    except Exception as error:  # noqa: BLE001  raised by the caller's thread
        result.append(error)
