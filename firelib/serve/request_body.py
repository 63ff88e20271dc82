"""Read the body of a request: limits on its size, and the forms in which it may hold rows."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from firelib.errors import FirelibError

_FORMS = 'send {"rows": [{"feature": value, …}, …]}, one such row, or {"columns": {"feature": [value, …], …}}'
_ROW_LISTS = ("rows", "instances")  # `instances` is the name of Vertex AI and TensorFlow Serving


class TooLargeError(FirelibError):
    """A request beyond the server's limits."""


class InvalidRequestError(FirelibError):
    """A request without rows in a known form."""


async def read_body(stream: AsyncIterator[bytes], length: str | None, limit: int) -> bytes:
    """Read a body, at most `limit` bytes.

    Args:
        stream: The body.
        length: The header Content-Length, if there is one.
        limit: Greatest number of bytes.

    Raises:
        TooLargeError: The body is larger.
    """
    if length and length.isdigit() and int(length) > limit:
        raise _too_large(f"{int(length):,}", limit)
    parts, total = [], 0
    async for part in stream:
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


def parse_body(body: bytes, most_rows: int) -> Sequence[Mapping[str, Any]]:
    """Parse the rows of a body.

    Args:
        body: JSON: one row, a list of rows, `{"rows": [...]}`, `{"instances": [...]}` or `{"columns": {...}}`.
        most_rows: Greatest number of rows.

    Returns:
        At least one row: name → value.

    Raises:
        InvalidRequestError: The body is not JSON, or has another form.
        TooLargeError: There are more rows.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"expected JSON, got invalid JSON: {error}") from None
    rows = _find_rows(content)
    if not rows:
        raise _invalid("expected at least one row, got none")
    if len(rows) > most_rows:
        raise TooLargeError(
            f"the request has {len(rows):,} rows, at most {most_rows:,} are allowed",
            where="the request",
            remedy="send fewer rows in a request, or start the server with a larger --max-rows",
        )
    wrong = next((index for index, row in enumerate(rows) if not isinstance(row, dict)), None)
    if wrong is not None:
        raise _invalid(f"row {wrong}: expected an object, got {type(rows[wrong]).__name__}")
    return rows


def _find_rows(content: Any) -> Sequence[Any]:
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        raise _invalid(f"expected an object or a list, got {type(content).__name__}")
    if content.keys() == {"columns"} and isinstance(content["columns"], dict):
        return _transpose(content["columns"])
    for name in _ROW_LISTS:
        if content.keys() == {name} and isinstance(content[name], list):
            return list(content[name])
    return [content]


def _transpose(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    for name, values in columns.items():
        if not isinstance(values, list):
            raise _invalid(f"columns: expected a list for {name!r}, got {type(values).__name__}")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise _invalid(f"columns: expected lists of one length, got {lengths}")
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _invalid(what: str) -> InvalidRequestError:
    return InvalidRequestError(what, where="the request", remedy=_FORMS)
