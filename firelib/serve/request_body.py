"""Read the body of a request: limits on its size, and the forms in which it may hold rows."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect

from firelib.errors import FirelibError
from firelib.evaluate.input_rows.problems import abbreviate
from firelib.serve.batcher import OverloadedError

#: The forms of a request, as a remedy.
FORMS = 'send {"rows": [{"feature": value, …}, …]}, one such row, or {"columns": {"feature": [value, …], …}}'
_ROW_LISTS = ("rows", "instances")  # `instances` is the name of Vertex AI and TensorFlow Serving


@dataclass(frozen=True)
class RequestRows:
    """The rows of a request.

    Attributes:
        count: Number of rows, at least 1.
        rows: Name → value of each row; None if the request has columns.
        columns: Name → values of all rows; None if the request has rows.
    """

    count: int
    rows: Sequence[Mapping[str, Any]] | None = None
    columns: Mapping[str, list[Any]] | None = None

    def take(self, name: str) -> list[Any]:
        """The values of a column.

        Raises:
            KeyError: A row lacks it.
        """
        return [row[name] for row in self.rows] if self.rows is not None else (self.columns or {})[name]

    def to_rows(self) -> Sequence[Mapping[str, Any]]:
        """Name → value of each row."""
        if self.rows is not None:
            return self.rows
        columns = self.columns or {}
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


class TooLargeError(FirelibError):
    """A request beyond the server's limits."""


class InvalidRequestError(FirelibError):
    """A request without rows in a known form."""


class InterruptedRequestError(FirelibError):
    """A request whose body does not arrive in time."""


class ReceivedBytes:
    """The bytes of all requests in memory: many slow clients must not fill it.

    Args:
        limit: Greatest number of bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._total = limit, 0

    @contextmanager
    def count(self) -> Iterator[Callable[[int], None]]:
        """Count the bytes of a request as long as the block runs.

        Yields:
            A function that adds bytes, and raises OverloadedError beyond the limit.
        """
        own = 0

        def add(size: int) -> None:
            nonlocal own
            own, self._total = own + size, self._total + size
            if self._total > self._limit:
                raise OverloadedError(
                    f"requests of {self._limit:,} bytes are in memory",
                    where="the server",
                    remedy="send the request again later",
                )

        try:
            yield add
        finally:
            self._total -= own


async def read_body(
    stream: AsyncIterator[bytes], length: str | None, limit: int, seconds: float, add: Callable[[int], None]
) -> bytes:
    """Read a body, at most `limit` bytes.

    Args:
        stream: The body.
        length: The header Content-Length, if there is one. It is a claim of the client.
        limit: Greatest number of bytes.
        seconds: How long the body may take.
        add: Is told the size of each part.

    Raises:
        TooLargeError: The body is larger.
        InterruptedRequestError: The body is not complete in time.
        OverloadedError: Other requests fill the memory.
    """
    claimed = int(length) if length and re.fullmatch("[0-9]{1,18}", length) else 0
    if claimed > limit:
        raise _too_large(f"{claimed:,}", limit)
    try:
        async with asyncio.timeout(seconds):
            return await _read_parts(stream, limit, add)
    except TimeoutError:
        raise InterruptedRequestError(
            f"the request is not complete after {seconds:g} s",
            where="the request",
            remedy="send fewer rows in a request",
        ) from None
    except ClientDisconnect:
        raise InterruptedRequestError(
            "the request is not complete", where="the request", remedy="send the request again"
        ) from None


async def _read_parts(stream: AsyncIterator[bytes], limit: int, add: Callable[[int], None]) -> bytes:
    parts, total = [], 0
    async for part in stream:
        add(len(part))
        parts.append(part)
        total += len(part)
        if total > limit:
            raise _too_large(f"more than {limit:,}", limit)
    return b"".join(parts)


def _too_large(size: str, limit: int) -> TooLargeError:
    return TooLargeError(
        f"the request has {size} bytes, at most {limit:,} are allowed",
        where="the request",
        remedy="send fewer rows in a request, or start the server with a larger --max-body-mib",
    )


def parse_body(body: bytes, most_rows: int) -> RequestRows:
    """Parse the rows of a body.

    Args:
        body: JSON: one row, a list of rows, `{"rows": [...]}`, `{"instances": [...]}` or `{"columns": {...}}`.
        most_rows: Greatest number of rows.

    Raises:
        InvalidRequestError: The body is not JSON, or has another form.
        TooLargeError: There are more rows.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"expected JSON, got invalid JSON: {error}") from None
    rows = _find_rows(content)
    if not rows.count:
        raise _invalid("expected at least one row, got none")
    if rows.count > most_rows:
        raise TooLargeError(
            f"the request has {rows.count:,} rows, at most {most_rows:,} are allowed",
            where="the request",
            remedy="send fewer rows in a request, or start the server with a larger --max-rows",
        )
    _require_objects(rows)
    return rows


def _require_objects(rows: RequestRows) -> None:
    wrong = next((index for index, row in enumerate(rows.rows or ()) if not isinstance(row, dict)), None)
    if wrong is not None:
        raise _invalid(f"row {wrong}: expected an object")


def _find_rows(content: Any) -> RequestRows:
    if isinstance(content, list):
        return RequestRows(len(content), rows=content)
    if not isinstance(content, dict):
        raise _invalid(f"expected an object or a list, got {type(content).__name__}")
    if content.keys() == {"columns"} and isinstance(content["columns"], dict):
        return _check_columns(content["columns"])
    for name in _ROW_LISTS:
        if content.keys() == {name} and isinstance(content[name], list):
            return RequestRows(len(content[name]), rows=content[name])
    return RequestRows(1, rows=[content])


def _check_columns(columns: Mapping[str, Any]) -> RequestRows:
    for name, values in columns.items():
        if not isinstance(values, list):
            raise _invalid(f"columns: expected a list for {name!r}, got {type(values).__name__}")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise _invalid(f"columns: expected lists of one length, got {abbreviate(lengths)}")
    return RequestRows(next(iter(lengths.values()), 0), columns=columns)


def _invalid(what: str) -> InvalidRequestError:
    return InvalidRequestError(what, where="the request", remedy=FORMS)
