"""A request to the stand-in, and a refusal in the form of the service's errors."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """An HTTP request.

    Attributes:
        method: HTTP method.
        path: `/SERVICE/…`: the stand-in has one port for all services.
        query: Parameters.
        body: The parsed body.
        lists: Parameters with all of their values.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Json
    lists: dict[str, list[str]] = field(default_factory=dict)

    @property
    def service(self) -> str:
        return self.path.split("/")[1]

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


class RefusedError(Exception):
    """An error response.

    Args:
        status: HTTP status code.
        reason: Google's name of the error.
        message: Google's sentence.
        headers: More headers, such as `Retry-After`.
    """

    def __init__(self, status: int, reason: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.headers = status, reason, message, headers or {}

    def body(self, service: str) -> Json:
        error: Json = {"code": self.status, "message": self.message}
        if service in ("compute", "storage"):
            return {"error": error | {"errors": [{"reason": self.reason, "message": self.message}]}}
        return {"error": error | {"status": self.reason}}


def not_found(path: str) -> RefusedError:
    return RefusedError(404, "notFound", f"The resource '{path}' was not found")
