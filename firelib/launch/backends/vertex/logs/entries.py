"""Client of Cloud Logging's method `entries.list`.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.vertex.client import LOG_IN, open_session
from firelib.launch.backends.vertex.logs.request_budget import RequestBudget

_ENDPOINT = "https://logging.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/logging.read"
_PAGE_SIZE = 1000  # the most that the service returns
_TIMEOUT_SECONDS = 30
_TRY_AGAIN = "try again in a minute"


class EntriesClient:
    """Lists the log entries of one project.

    Args:
        project: Id or number of the project.
        endpoint: Address of Cloud Logging, if not Google's own.
        budget: Delays requests; every page is one.

    Raises:
        FirelibError: This machine has no credentials.
    """

    def __init__(self, project: str, endpoint: str | None, budget: RequestBudget) -> None:
        self._project, self._budget = project, budget
        self._address = f"{endpoint or _ENDPOINT}/v2/entries:list"
        self._session = open_session(endpoint or _ENDPOINT, _SCOPE)

    def list_entries(self, job_number: str, since: datetime | None) -> Iterator[dict[str, Any]]:
        """Yield the entries of replica 0 of a CustomJob, ordered by timestamp.

        Args:
            job_number: Last part of the CustomJob's resource name.
            since: Earliest timestamp; None for all entries.

        Raises:
            LostConnectionError: Cloud Logging does not answer, or the project's quota is used up for the moment.
            FirelibError: Cloud Logging refuses.
        """
        query = self._build_query(job_number, since)
        while True:
            page = self._post(query)
            yield from page.get("entries", [])
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    def _build_query(self, job_number: str, since: datetime | None) -> dict[str, Any]:
        conditions = [
            'resource.type="ml_job"',
            f'resource.labels.job_id="{job_number}"',
            'resource.labels.task_name="workerpool0-0"',
        ]
        if since is not None:
            conditions.append(f'timestamp>="{since.isoformat()}"')
        return {
            "resourceNames": [f"projects/{self._project}"],
            "filter": " AND ".join(conditions),
            "orderBy": "timestamp asc",
            "pageSize": _PAGE_SIZE,
        }

    def _post(self, query: dict[str, Any]) -> dict[str, Any]:
        from google.auth.exceptions import GoogleAuthError, TransportError
        from requests import RequestException

        self._budget.spend()
        try:
            answer = self._session.post(self._address, json=query, timeout=_TIMEOUT_SECONDS)
        except (RequestException, TransportError) as error:
            raise LostConnectionError(
                "Cloud Logging does not answer", where=self._address, remedy=_TRY_AGAIN
            ) from error
        except GoogleAuthError as error:  # the token has expired, and there is no new one
            raise FirelibError("not logged in to Google Cloud", where=self._address, remedy=LOG_IN) from error
        self._check(answer.status_code)
        self._budget.reset()
        return dict(answer.json())

    def _check(self, code: int) -> None:
        if code == 429 or code >= 500:
            self._budget.back_off()
            raise LostConnectionError(f"Cloud Logging answers HTTP {code}", where=self._address, remedy=_TRY_AGAIN)
        if code == 401:
            raise FirelibError("not logged in to Google Cloud", where=self._address, remedy=LOG_IN)
        if code >= 400:
            message = f"the log cannot be read: HTTP {code}"
            raise FirelibError(message, where=self._address, remedy="ask for roles/logging.viewer")
