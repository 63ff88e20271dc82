"""Google Cloud's REST APIs: requests with retries, lists with pages, and changes that wait for their operation."""

import http.client
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

import stamina

from firelib.gcp.resources.request_error import RequestError, no_response, parse_error

Json = dict[str, Any]
Result = TypeVar("Result")

_MOST_UNANSWERED = 5  # attempts without any response: about half a minute until "this machine is offline"
_LONGEST_WAIT = 60.0  # seconds, whatever a response asks for


@dataclass(frozen=True)
class Pace:
    """How often and how long requests are repeated.

    Attributes:
        poll_seconds: Seconds between two polls of an operation. Retries wait a fifth of it at first, at most six times
            as long.
        deadline_seconds: Seconds after which a transient error or an unfinished operation is reported.
        visible_seconds: Seconds that a new service account may take to become visible to other services.
        response_seconds: Seconds that one response may take.
    """

    poll_seconds: float = 5.0
    deadline_seconds: float = 600.0
    visible_seconds: float = 240.0
    response_seconds: float = 60.0


class Api:
    """Google Cloud's REST APIs with one access token.

    Args:
        token: Access token.
        pace: How often and how long requests are repeated.
        quota_project: Project whose quota of requests is used; Google asks users of application default credentials
            for one.

    Attributes:
        notes: Remarks for the user, such as what was waited for.
    """

    def __init__(self, token: str, pace: Pace | None = None, quota_project: str | None = None) -> None:
        self._token, self.pace, self._quota_project = token, pace or Pace(), quota_project
        self.notes: list[str] = []
        logging.getLogger("stamina").setLevel(logging.ERROR)  # retries are normal here; the last error is reported

    def get(self, url: str) -> Json | None:
        """Get a resource; None if it does not exist."""
        try:
            return self.send("GET", url)
        except RequestError as error:
            if error.status == 404:
                return None
            raise

    def pages(self, url: str, **query: str) -> Iterator[Json]:
        """Get all pages of a list.

        Args:
            url: URL of the collection.
            query: Parameters, such as `filter`.

        Yields:
            Each page as Google Cloud sends it.
        """
        token: str | None = ""
        while token is not None:
            page = self.send("GET", with_query(url, **query, **({"pageToken": token} if token else {})))
            yield page
            token = page.get("nextPageToken")

    def change(self, method: str, url: str, body: Json | None = None) -> None:
        """Send a change and wait until its operation is done.

        Args:
            method: HTTP method.
            url: URL of the resource or collection.
            body: JSON body.

        Raises:
            RequestError: Google Cloud refuses the request, the operation fails, or it takes too long.
        """
        self._wait(f"{method} {url}", url, self.send(method, _make_idempotent(url), body))

    def send(self, method: str, url: str, body: Json | None = None) -> Json:
        """Send a request; repeat it while the error is transient.

        Args:
            method: HTTP method.
            url: The URL.
            body: JSON body.

        Returns:
            The parsed response.

        Raises:
            RequestError: The request failed, and repeating it did not help.
        """
        return self.retry(_TransientErrors(), self.pace.deadline_seconds, lambda: self._send_once(method, url, body))

    def retry(self, on: Callable[[Exception], bool | float], seconds: float, call: Callable[[], Result]) -> Result:
        """Repeat a call while it raises certain errors.

        Args:
            on: Whether to repeat after an error, or the seconds to wait before.
            seconds: Seconds after which the error is raised.
            call: What to repeat.

        Returns:
            The call's result.
        """
        poll = self.pace.poll_seconds
        caller = stamina.RetryingCaller(
            attempts=None, timeout=seconds, wait_initial=poll / 5, wait_max=poll * 6, wait_jitter=poll / 5
        )
        return caller(on, call)

    def poll(self, request: str, finished: Callable[[], Result | None]) -> Result:
        """Call `finished` until it returns something.

        Args:
            request: What is waited for, for the error.
            finished: Returns None as long as there is nothing.

        Raises:
            RequestError: The deadline is over.
        """
        deadline = time.monotonic() + self.pace.deadline_seconds
        while (result := finished()) is None:
            if time.monotonic() > deadline:
                message = f"expected to finish within {self.pace.deadline_seconds:g} s"
                raise RequestError(request, 504, "DEADLINE_EXCEEDED", message, remedy="run the same command again")
            time.sleep(self.pace.poll_seconds)
        return result

    def _send_once(self, method: str, url: str, body: Json | None) -> Json:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if self._quota_project:
            headers["X-Goog-User-Project"] = self._quota_project
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310  we build the URL
        try:
            with urllib.request.urlopen(request, timeout=self.pace.response_seconds) as response:  # noqa: S310  the same
                return _parse_json(response.read())
        except urllib.error.HTTPError as error:
            raise parse_error(
                f"{method} {url}", error.code, _parse_json(_read_body(error)), _retry_after(error)
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise no_response(f"{method} {url}", error) from None

    def _wait(self, request: str, url: str, operation: Json) -> None:
        """Wait for an operation of Compute Engine (`selfLink`, `status`) or a long-running one (`name`, `done`)."""
        poll_url = _operation_url(url, operation)
        if poll_url is None:
            return
        done = self.poll(request, lambda: _if_done(operation) or _if_done(self.send("GET", poll_url)))
        if error := _operation_error(request, done):
            raise error


class _TransientErrors:
    """Whether to repeat a request: Google Cloud's transient errors, and a few times without any response."""

    def __init__(self) -> None:
        self._unanswered = 0

    def __call__(self, error: Exception) -> bool | float:
        if not isinstance(error, RequestError) or not error.is_transient:
            return False
        if not error.has_response:
            self._unanswered += 1
            return self._unanswered < _MOST_UNANSWERED
        return True if error.retry_after is None else min(error.retry_after, _LONGEST_WAIT)


def with_query(url: str, **query: str) -> str:
    """Append parameters to a URL that may have some already."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url


def _make_idempotent(url: str) -> str:
    """Name the request, so that Compute Engine executes it once even if it is repeated after a lost response."""
    return with_query(url, requestId=str(uuid4())) if "/compute/v1/" in url else url


def _operation_url(url: str, response: Mapping[str, Any]) -> str | None:
    """The URL to poll, or None if the response is not an operation."""
    if response.get("kind") == "compute#operation":
        return str(response["selfLink"])
    name = str(response.get("name", ""))
    root, version, _ = url.partition("/v1/")
    # Service Usage's operations belong to no project: `operations/NAME`.
    return f"{root}{version}{name}" if "operations/" in name else None


def _if_done(operation: Json) -> Json | None:
    return operation if operation.get("done") or operation.get("status") == "DONE" else None


def _operation_error(request: str, operation: Mapping[str, Any]) -> RequestError | None:
    error = operation.get("error")
    if not error:
        return None
    errors = error.get("errors") or [error]  # Compute Engine lists errors, others have one
    reasons = ", ".join(str(item.get("code")) for item in errors)
    messages = "; ".join(item.get("message", "") for item in errors)
    return RequestError(request, operation.get("httpErrorStatusCode", 400), reasons, messages)


def _retry_after(error: urllib.error.HTTPError) -> float | None:
    """Seconds of the header `Retry-After`, which Google Cloud never sends as a date."""
    value = error.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def _read_body(error: urllib.error.HTTPError) -> bytes:
    """The body of a refusal; empty if the connection breaks meanwhile, since the status is known."""
    try:
        return error.read()
    except (OSError, http.client.HTTPException):
        return b""


def _parse_json(text: bytes) -> Json:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
