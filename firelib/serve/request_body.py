"""Parse the body of a request: the forms in which it may hold rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from firelib.errors import FirelibError
from firelib.evaluate.input_rows.problems import abbreviate
from firelib.storage.json_files import build_object

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


def parse_quickly(body: bytes, most_rows: int) -> RequestRows | None:
    """Parse the rows of a body with orjson, several times as fast as `json`.

    orjson differs from `json` in what it gives for repeated names (the last value), for integers beyond 64 bits (a
    float), and for what JSON forbids, such as NaN (an error).

    Args:
        body: JSON.
        most_rows: Greatest number of rows.

    Returns:
        What `parse_body` returns, but for integers beyond 64 bits; None if that is not certain.
    """
    try:
        content = orjson.loads(body)
        rows = _require_rows(content, most_rows)
    except (orjson.JSONDecodeError, FirelibError):
        return None
    # A colon follows each name: if all colons are those of the names that were kept, none was repeated.
    return rows if _count_names(content) == body.count(b":") else None


def parse_body(body: bytes, most_rows: int) -> RequestRows:
    """Parse the rows of a body.

    Args:
        body: JSON: one row, a list of rows, `{"rows": [...]}`, `{"instances": [...]}` or `{"columns": {...}}`.
        most_rows: Greatest number of rows.

    Raises:
        InvalidRequestError: The body is not JSON, repeats a name in an object, or has another form.
        TooLargeError: There are more rows.
    """
    try:
        content = json.loads(body, object_pairs_hook=build_object)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"expected JSON, got invalid JSON: {error}") from None
    return _require_rows(content, most_rows)


def _require_rows(content: Any, most_rows: int) -> RequestRows:
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


def _count_names(content: Any) -> int:
    """Number of names in an object and in the objects that it holds, also in lists; deeper ones are not counted."""
    if isinstance(content, list):
        return sum(len(each) for each in content if isinstance(each, dict))
    if not isinstance(content, dict):
        return 0
    nested = [each for each in content.values() if isinstance(each, dict | list)]
    return len(content) + sum(len(each) if isinstance(each, dict) else _count_names(each) for each in nested)


def _invalid(what: str) -> InvalidRequestError:
    return InvalidRequestError(what, where="the request", remedy=FORMS)
