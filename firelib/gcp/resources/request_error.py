"""What Google Cloud's APIs answer instead of a result, as errors with fields."""

from collections.abc import Mapping
from typing import Any

from firelib.errors import FirelibError

REMEDY = (
    "Quota: request more, or choose another zone or machine type. Permissions: your account needs roles/editor, "
    "and for the grants roles/storage.admin and roles/artifactregistry.admin. API not enabled: "
    "gcloud services enable compute iam storage artifactregistry cloudquotas"
)
_SIGN_IN = (
    "run gcloud auth login (or set GCP_ACCESS_TOKEN; a token is valid for an hour), then run the same command again"
)
_SET_QUOTA_PROJECT = "run gcloud auth application-default set-quota-project PROJECT, then the same command again"
_UNAUTHENTICATED = 401
_NO_RESPONSE = 0
_TRANSIENT = {_NO_RESPONSE, 408, 429, 500, 502, 503, 504}
# Compute Engine reports some rate limits with status 403, and a resource that is still being changed with 400.
_TRANSIENT_REASONS = {"rateLimitExceeded", "userRateLimitExceeded", "resourceNotReady"}
_SERVICE_DISABLED = ("accessNotConfigured", "SERVICE_DISABLED", "it is disabled", "has not been used in project")
_STOCK_OUT = ("RESOURCE_POOL_EXHAUSTED", "does not have enough resources available")


class RequestError(FirelibError):
    """A failed request or operation.

    Args:
        request: Method and URL.
        status: HTTP status code; 0 without a response.
        reason: Google's name of the error, such as `conditionNotMet`, `ABORTED` or `QUOTA_EXCEEDED`.
        message: Google's sentence.
        retry_after: Seconds to wait before the next attempt, as the response states.
        remedy: What to do about it.
    """

    def __init__(
        self,
        request: str,
        status: int,
        reason: str,
        message: str,
        retry_after: float | None = None,
        remedy: str = REMEDY,
    ) -> None:
        super().__init__(
            f"Google Cloud refused the request: {status} {reason}: {message}", where=request, remedy=remedy
        )
        self.status, self.reason, self.message, self.retry_after = status, reason, message, retry_after
        self._arguments = (request, status, reason, message, retry_after, remedy)

    def __reduce__(self) -> tuple[type["RequestError"], tuple[object, ...]]:
        return type(self), self._arguments

    @property
    def has_response(self) -> bool:
        """Whether Google Cloud responded; otherwise the request may have been executed or not."""
        return self.status != _NO_RESPONSE

    @property
    def is_stock_out(self) -> bool:
        """Whether the zone has no free machine of this type, which status 503 reports as well as operations do."""
        return any(sign in f"{self.reason} {self.message}" for sign in _STOCK_OUT)

    @property
    def is_service_disabled(self) -> bool:
        """Whether the service is not enabled in the project, or has been enabled only a moment ago."""
        return any(sign in f"{self.reason} {self.message}" for sign in _SERVICE_DISABLED)

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return not self.is_stock_out and (self.status in _TRANSIENT or self.reason in _TRANSIENT_REASONS)


class StockOutError(FirelibError):
    """No zone has a free machine of the type."""


class ForeignResourceError(FirelibError):
    """A resource has a name that the cluster needs, but does not carry the cluster's mark."""


def no_response(request: str, error: Exception) -> RequestError:
    """The error for a request without a response."""
    return RequestError(request, _NO_RESPONSE, type(error).__name__, str(error), remedy="check this machine's network")


def parse_error(request: str, status: int, body: Mapping[str, Any], retry_after: float | None = None) -> RequestError:
    """Build the error from a response: the reason is in `errors` (Compute Engine, Cloud Storage) or in `status`.

    Args:
        request: Method and URL.
        status: HTTP status code.
        body: The parsed response.
        retry_after: Value of the header `Retry-After`.
    """
    error = body.get("error")
    fields = error if isinstance(error, Mapping) else {}
    first: Mapping[str, Any] = next(iter(fields.get("errors", [])), {})
    reason = first.get("reason") or fields.get("status") or "no reason given"
    message = fields.get("message", "no message")
    return RequestError(request, status, reason, message, retry_after, _find_remedy(status, message))


def _find_remedy(status: int, message: str) -> str:
    if status == _UNAUTHENTICATED:
        return _SIGN_IN
    return _SET_QUOTA_PROJECT if "requires a quota project" in message else REMEDY
