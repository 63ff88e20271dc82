"""The value of a secret in Secret Manager: a new version only if the value differs from the latest one."""

import base64

from firelib.gcp.resources.api import Api
from firelib.gcp.resources.request_error import RequestError

_NOT_READABLE = (400, 403, 404)  # no version, a disabled one, or no right to read it


def store(api: Api, url: str, value: str, dry_run: bool) -> bool:
    """Store a value, unless it is the latest version.

    Args:
        api: Google Cloud's APIs.
        url: URL of the secret.
        value: The value. It is only sent to Secret Manager.
        dry_run: Only read.

    Returns:
        Whether a version was (or would be) added.

    Raises:
        RequestError: A request failed.
    """
    if _read_latest(api, url) == value:
        return False
    if not dry_run:
        payload = {"data": base64.b64encode(value.encode()).decode()}
        api.send("POST", f"{url}:addVersion", {"payload": payload})
    return True


def _read_latest(api: Api, url: str) -> str | None:
    try:
        answer = api.send("GET", f"{url}/versions/latest:access")
    except RequestError as error:
        if error.status in _NOT_READABLE or error.is_service_disabled:
            return None
        raise
    return base64.b64decode(answer["payload"]["data"]).decode()
