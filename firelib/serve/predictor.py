"""Answer requests for predictions: parse and convert the rows off the event loop, score them, name what is wrong."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from fastapi import Request, Response

from firelib.console import note
from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats
from firelib.evaluate.input_rows.prepare import UnpreparedRowsError, has_prepare
from firelib.evaluate.input_rows.problems import RowProblems
from firelib.evaluate.predictions import to_objects
from firelib.recipe import Recipe
from firelib.serve.batcher import Batcher, BatchLimits, OverloadedError
from firelib.serve.description import expected_value
from firelib.serve.receive_body import InterruptedRequestError, ReceivedBytes, read_body
from firelib.serve.request_body import FORMS, InvalidRequestError, TooLargeError, parse_body, parse_quickly
from firelib.serve.request_columns import convert_quickly, convert_rows

_STATUS: dict[type[FirelibError], int] = {
    InterruptedRequestError: 408,
    TooLargeError: 413,
    InvalidRequestError: 422,
    OverloadedError: 503,
}
_RETRY_SECONDS = "1"
_QUICK_BYTES = 128 << 10  # of a body whose quick conversion, which takes 2 ms at most, is tried on the event loop
_LOOP_BYTES = 4 << 10  # of one that the reader of files may convert there; others are converted in a thread
_CONVERTERS = 4  # threads; others wait
_BODIES = 4  # of the greatest size that may be in memory at the same time
_RECEIVED_BYTES = 256 << 20  # of requests that may be in memory in any case
_OF_RAW_DATA = "send all columns of the raw data, with values like those in the data"


@dataclass(frozen=True)
class Limits:
    """What the server accepts.

    Attributes:
        body_bytes: Greatest size of a request.
        rows: Greatest number of rows in a request.
        batch: How many rows are scored together, and how many may wait.
        body_seconds: How long a client may take to send a request.
    """

    body_bytes: int
    rows: int
    batch: BatchLimits
    body_seconds: float = 60.0


class Predictor:
    """Answers requests for predictions.

    Args:
        recipe: Declares the features and the label.
        batcher: Scores rows.
        limits: What the server accepts.
    """

    def __init__(self, recipe: Recipe, batcher: Batcher, limits: Limits) -> None:
        self._recipe, self._batcher, self._limits = recipe, batcher, limits
        self._received = ReceivedBytes(max(_BODIES * limits.body_bytes, _RECEIVED_BYTES))
        self._converters = ThreadPoolExecutor(_CONVERTERS, thread_name_prefix="convert")

    def stop(self) -> None:
        """Stop to convert requests."""
        self._converters.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: Request) -> tuple[Response, int]:
        """The response to a request, and the number of rows that were scored."""
        try:
            with self._received.count() as add:
                return await self._predict(request, add)
        except tuple(_STATUS) as error:
            status = _STATUS[type(error)]
            headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else {}
            return respond({"error": error.what, "remedy": error.remedy}, status, headers), 0
        except RecursionError:
            return respond({"error": "the request is nested too deeply", "remedy": FORMS}, 422), 0
        except Exception as error:  # noqa: BLE001  the log tells the operator; the response tells no internals
            note(f"error: {error if isinstance(error, FirelibError) else f'{type(error).__name__}: {error}'}")
            return respond({"error": "the model failed", "remedy": "see the log of the server"}, 500), 0

    async def _predict(self, request: Request, add: Callable[[int], None]) -> tuple[Response, int]:
        limits, length = self._limits, request.headers.get("content-length")
        with self._batcher.receiving():
            body = await read_body(request.stream(), length, limits.body_bytes, limits.body_seconds, add)
            parsed = await self._parse(body)
        if isinstance(parsed, Response):
            return parsed, 0
        columns, rows = parsed
        outputs = await self._batcher.submit(columns, rows)
        return respond_predictions(outputs, self._recipe), rows

    async def _parse(self, body: bytes) -> tuple[dict[str, Any], int] | Response:
        """Columns and number of rows of a body, or why it is refused."""
        if len(body) <= _QUICK_BYTES and (quick := parse_obvious(body, self._recipe, self._limits.rows)):
            return quick
        if len(body) <= _LOOP_BYTES and not has_prepare(self._recipe):
            return parse_columns(body, self._recipe, self._limits.rows)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._converters, parse_columns, body, self._recipe, self._limits.rows)


def parse_obvious(body: bytes, recipe: Recipe, most_rows: int) -> tuple[dict[str, Any], int] | None:
    """Parse and convert a body whose rows are obviously valid.

    Args:
        body: JSON.
        recipe: Declares the features.
        most_rows: Greatest number of rows.

    Returns:
        The features' columns and the number of rows; None if `parse_columns` must decide.
    """
    rows = parse_quickly(body, most_rows)
    columns = convert_quickly(rows, recipe) if rows else None
    return (columns, rows.count) if rows and columns is not None else None


def parse_columns(body: bytes, recipe: Recipe, most_rows: int) -> tuple[dict[str, Any], int] | Response:
    """Parse and convert a body.

    Args:
        body: JSON.
        recipe: Declares the features.
        most_rows: Greatest number of rows.

    Returns:
        The features' columns and the number of rows; a response if rows are invalid.

    Raises:
        InvalidRequestError: The body has no rows in a known form.
        TooLargeError: There are more rows.
        FirelibError: The recipe's `prepare` returns other rows.
    """
    if len(body) > _QUICK_BYTES and (quick := parse_obvious(body, recipe, most_rows)):
        return quick
    rows = parse_body(body, most_rows)
    try:
        columns, problems = convert_rows(rows, recipe)
    except UnpreparedRowsError as error:  # what the recipe says about a row may be a secret
        note(f"refused: {error.what}")
        columns, problems = None, error.find_problems()
    return _refuse_rows(rows.to_rows(), problems, recipe) if columns is None else (columns, rows.count)


def respond(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response in JSON: in ASCII, since text of a client may have characters that UTF-8 lacks, and without NaN.

    Args:
        content: What the response holds.
        status: Status code.
        headers: Other headers.

    Raises:
        ValueError: The content has a float that JSON lacks.
    """
    return Response(json.dumps(content, allow_nan=False), status, headers, "application/json")


def respond_predictions(outputs: Floats, recipe: Recipe) -> Response:
    """The predictions in JSON.

    Args:
        outputs: Outputs of the model [rows] or [rows, …].
        recipe: Names the classes.

    Raises:
        ValueError: An output is NaN or infinite, which JSON lacks.
    """
    content = {"predictions": to_objects(outputs, recipe)}
    if not np.isfinite(outputs).all():  # orjson would write null
        return respond(content)
    return Response(orjson.dumps(content), media_type="application/json")


def _refuse_rows(rows: Sequence[Mapping[str, Any]], problems: RowProblems, recipe: Recipe) -> Response:
    remedies = {feature.name: expected_value(feature) for feature in recipe.features}
    is_derived = has_prepare(recipe)  # a feature that no row has comes from a raw column, which prepare cannot read
    listed = [
        {
            "row": row,
            "column": name or None,
            "value": _abbreviate(rows[row].get(name)),
            "problem": problem,
            "remedy": _OF_RAW_DATA if is_derived and name not in rows[row] else remedies.get(name, _OF_RAW_DATA),
        }
        for row, name, problem in problems.list_first()
    ]
    content = {
        "error": f"{problems.count:,} of {len(rows):,} rows are invalid",
        "problems": listed,
        "remedy": "correct these rows; GET /schema lists the features",
    }
    return respond(content, 422)


def _abbreviate(value: Any) -> Any:
    """A value for the response: long ones and those that JSON lacks as text."""
    text = json.dumps(value)
    return value if len(text) <= 100 and "NaN" not in text and "Infinity" not in text else f"{text[:100]}…"
