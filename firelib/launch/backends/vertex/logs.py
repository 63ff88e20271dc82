"""Read the output of a Vertex AI job from Cloud Logging; the job service itself keeps none.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

from collections.abc import Iterator
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.vertex.client import LOG_IN, credentials_for

_ENDPOINT = "https://logging.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/logging.read"
_PAGE_SIZE = 1000
_TIMEOUT_SECONDS = 30
_TRY_AGAIN = "try again in a minute"


def read_log(project: str, number: str, endpoint: str | None = None) -> Iterator[str]:
    """Yield all lines that replica 0 of a CustomJob has written so far.

    Args:
        project: Id or number of the project.
        number: Last part of the CustomJob's resource name.
        endpoint: Address of Cloud Logging, if not Google's own.

    Raises:
        LostConnectionError: Cloud Logging does not answer.
        FirelibError: Cloud Logging refuses.
    """
    address = endpoint or _ENDPOINT
    session, query = _session(address), _query(project, number)
    while True:
        page = _post(session, f"{address}/v2/entries:list", query)
        yield from map(_to_line, page.get("entries", []))
        if not page.get("nextPageToken"):
            return
        query["pageToken"] = page["nextPageToken"]


def _query(project: str, number: str) -> dict[str, Any]:
    conditions = (
        'resource.type="ml_job"',
        f'resource.labels.job_id="{number}"',
        'resource.labels.task_name="workerpool0-0"',
    )
    return {
        "resourceNames": [f"projects/{project}"],
        "filter": " AND ".join(conditions),
        "orderBy": "timestamp asc",
        "pageSize": _PAGE_SIZE,
    }


def _to_line(entry: dict[str, Any]) -> str:
    text = entry.get("textPayload") or entry.get("jsonPayload", {}).get("message", "")
    return f"{str(text).rstrip()}\n"


def _session(address: str) -> Any:
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials: Any = credentials_for(address)
    if credentials is None:
        try:
            credentials, _ = google.auth.default(scopes=[_SCOPE])
        except google.auth.exceptions.DefaultCredentialsError as error:
            raise FirelibError("not logged in to Google Cloud", where=address, remedy=LOG_IN) from error
    return AuthorizedSession(credentials)


def _post(session: Any, address: str, query: dict[str, Any]) -> dict[str, Any]:
    from google.auth.exceptions import RefreshError, TransportError
    from requests import RequestException

    try:
        answer = session.post(address, json=query, timeout=_TIMEOUT_SECONDS)
    except RefreshError as error:
        raise FirelibError("not logged in to Google Cloud", where=address, remedy=LOG_IN) from error
    except (RequestException, TransportError) as error:
        raise LostConnectionError("Cloud Logging does not answer", where=address, remedy=_TRY_AGAIN) from error
    if answer.status_code == 429 or answer.status_code >= 500:
        message = f"Cloud Logging answers HTTP {answer.status_code}"
        raise LostConnectionError(message, where=address, remedy=_TRY_AGAIN)
    if answer.status_code == 401:
        raise FirelibError("not logged in to Google Cloud", where=address, remedy=LOG_IN)
    if answer.status_code >= 400:
        message = f"the log cannot be read: HTTP {answer.status_code}"
        raise FirelibError(message, where=address, remedy="ask for roles/logging.viewer")
    return dict(answer.json())
