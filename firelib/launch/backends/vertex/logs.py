"""What a job on Vertex AI has written: Cloud Logging keeps it, the job service does not."""

from collections.abc import Iterator
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.vertex.client import LOG_IN, nobody

_ENDPOINT = "https://logging.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/logging.read"
_PAGE = 1000


def log_query(project: str, number: str, primary_only: bool = True) -> dict[str, Any]:
    """The request for a job's lines, oldest first.

    Args:
        project: Of the job.
        number: The last part of the CustomJob's name.
        primary_only: Only replica 0, which drives.
    """
    words = ['resource.type="ml_job"', f'resource.labels.job_id="{number}"']
    if primary_only:
        words.append('resource.labels.task_name="workerpool0-0"')
    return {
        "resourceNames": [f"projects/{project}"],
        "filter": " AND ".join(words),
        "orderBy": "timestamp asc",
        "pageSize": _PAGE,
    }


def line(entry: dict[str, Any]) -> str:
    """One entry as a line."""
    text = entry.get("textPayload") or entry.get("jsonPayload", {}).get("message", "")
    return f"{str(text).rstrip()}\n"


def entries(project: str, number: str, endpoint: str | None = None) -> Iterator[str]:
    """All lines that are there now.

    Raises:
        LostConnectionError: Cloud Logging does not answer now.
        FirelibError: It refuses.
    """
    query, address = log_query(project, number), endpoint or _ENDPOINT
    session = _session(address)
    while True:
        page = _ask(session, f"{address}/v2/entries:list", query)
        yield from (line(entry) for entry in page.get("entries", []))
        if not page.get("nextPageToken"):
            return
        query["pageToken"] = page["nextPageToken"]


def _session(address: str) -> Any:
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials: Any = nobody(address)
    if credentials is None:
        try:
            credentials, _ = google.auth.default(scopes=[_SCOPE])
        except google.auth.exceptions.DefaultCredentialsError as error:
            raise FirelibError("not logged in to Google Cloud", where=address, remedy=LOG_IN) from error
    return AuthorizedSession(credentials)


def _ask(session: Any, address: str, query: dict[str, Any]) -> dict[str, Any]:
    from google.auth.exceptions import RefreshError, TransportError
    from requests import RequestException

    try:
        answer = session.post(address, json=query, timeout=30)
    except RefreshError as error:
        raise FirelibError("not logged in to Google Cloud", where=address, remedy=LOG_IN) from error
    except (RequestException, TransportError) as error:
        raise LostConnectionError("Cloud Logging does not answer", where=address, remedy="it is tried again") from error
    if answer.status_code == 429 or answer.status_code >= 500:
        raise LostConnectionError(f"HTTP {answer.status_code}", where=address, remedy="it is tried again")
    if answer.status_code == 401:
        raise FirelibError("not logged in to Google Cloud", where=address, remedy=LOG_IN)
    if answer.status_code >= 400:
        remedy = "ask for roles/logging.viewer"
        raise FirelibError(f"the log cannot be read: HTTP {answer.status_code}", where=address, remedy=remedy)
    return dict(answer.json())
