"""The HTTP interface: health, schema, predictions, figures."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from firelib.console import note
from firelib.errors import FirelibError
from firelib.evaluate.input_rows.prepare import UnpreparedRowsError, has_prepare
from firelib.evaluate.input_rows.problems import RowProblems
from firelib.evaluate.predictions import to_objects
from firelib.recipe import Recipe
from firelib.serve.batcher import Batcher, BatchLimits, OverloadedError
from firelib.serve.description import describe_model, expected_value
from firelib.serve.figures import Figures
from firelib.serve.request_body import (
    FORMS,
    InterruptedRequestError,
    InvalidRequestError,
    ReceivedBytes,
    TooLargeError,
    parse_body,
    read_body,
)
from firelib.serve.request_columns import convert_rows
from firelib.serve.scorer import Scorer

_STATUS: dict[type[FirelibError], int] = {
    InterruptedRequestError: 408,
    TooLargeError: 413,
    InvalidRequestError: 422,
    OverloadedError: 503,
}
_RETRY_SECONDS = "1"
_LOOP_BYTES = 16 << 10  # a body that is converted in less time than a thread takes to start with it
_CONVERTERS = 4  # threads; others wait
_BODIES = 4  # of the greatest size that may be in memory at the same time
_RECEIVED_BYTES = 256 << 20  # of requests that may be in memory in any case


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


def build_app(recipe: Recipe, scorer: Scorer, limits: Limits) -> FastAPI:
    """Build the application.

    Args:
        recipe: Declares the features and the label.
        scorer: The model.
        limits: What the server accepts.
    """
    batcher, figures = Batcher(scorer.score, limits.batch), Figures()
    predictor = _Predictor(recipe, batcher, limits)
    schema = describe_model(recipe, scorer.folder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        await batcher.stop()
        predictor.stop()

    app = FastAPI(title=f"firelib: {recipe.name}", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "recipe": recipe.name, "run": schema["model"]["run"]}

    @app.get("/schema")
    async def show_schema() -> dict[str, Any]:
        return schema

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(figures.to_text(batcher.calls))

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        started = time.perf_counter()
        response, rows = await predictor.answer(request)
        figures.add(response.status_code, time.perf_counter() - started, rows)
        return response

    @app.exception_handler(HTTPException)
    async def explain(_: Request, error: HTTPException) -> Response:
        remedy = "use GET /health, /schema or /metrics, or POST /predict"
        return _respond({"error": error.detail, "remedy": remedy}, error.status_code, error.headers)

    return app


class _Predictor:
    """Answers requests for predictions."""

    def __init__(self, recipe: Recipe, batcher: Batcher, limits: Limits) -> None:
        self._recipe, self._batcher, self._limits = recipe, batcher, limits
        self._received = ReceivedBytes(max(_BODIES * limits.body_bytes, _RECEIVED_BYTES))
        self._converters = ThreadPoolExecutor(_CONVERTERS, thread_name_prefix="convert")

    def stop(self) -> None:
        self._converters.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: Request) -> tuple[Response, int]:
        """The response to a request, and the number of rows that were scored."""
        try:
            with self._received.count() as add:
                return await self._predict(request, add)
        except tuple(_STATUS) as error:
            status = _STATUS[type(error)]
            headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else {}
            return _respond({"error": error.what, "remedy": error.remedy}, status, headers), 0
        except RecursionError:
            return _respond({"error": "the request is nested too deeply", "remedy": FORMS}, 422), 0
        except Exception as error:  # noqa: BLE001  the log tells the operator; the response tells no internals
            note(f"error: {error if isinstance(error, FirelibError) else f'{type(error).__name__}: {error}'}")
            return _respond({"error": "the model failed", "remedy": "see the log of the server"}, 500), 0

    async def _predict(self, request: Request, add: Callable[[int], None]) -> tuple[Response, int]:
        limits, length = self._limits, request.headers.get("content-length")
        with self._batcher.receiving():
            body = await read_body(request.stream(), length, limits.body_bytes, limits.body_seconds, add)
            parsed = await self._parse(body)
        if isinstance(parsed, Response):
            return parsed, 0
        columns, rows = parsed
        outputs = await self._batcher.submit(columns, rows)
        return _respond({"predictions": to_objects(outputs, self._recipe)}), rows

    async def _parse(self, body: bytes) -> tuple[dict[str, Any], int] | Response:
        """Columns and number of rows of a body, or why it is refused."""
        if len(body) <= _LOOP_BYTES and not has_prepare(self._recipe):
            return parse_columns(body, self._recipe, self._limits.rows)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._converters, parse_columns, body, self._recipe, self._limits.rows)


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
    rows = parse_body(body, most_rows)
    try:
        columns, problems = convert_rows(rows, recipe)
    except UnpreparedRowsError as error:  # what the recipe says about a row may be a secret
        note(f"refused: {error.what}")
        columns, problems = None, error.find_problems()
    return _refuse_rows(rows.to_rows(), problems, recipe) if columns is None else (columns, rows.count)


def _respond(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response in JSON: in ASCII, since text of a client may have characters that UTF-8 lacks, and without NaN."""
    return Response(json.dumps(content, allow_nan=False), status, headers, "application/json")


def _refuse_rows(rows: Sequence[Mapping[str, Any]], problems: RowProblems, recipe: Recipe) -> Response:
    remedies = {feature.name: expected_value(feature) for feature in recipe.features}
    listed = [
        {
            "row": row,
            "column": name or None,
            "value": _abbreviate(rows[row].get(name)),
            "problem": problem,
            "remedy": remedies.get(name, "send all columns of the raw data, with values like those in the data"),
        }
        for row, name, problem in problems.list_first()
    ]
    content = {
        "error": f"{problems.count:,} of {len(rows):,} rows are invalid",
        "problems": listed,
        "remedy": "correct these rows; GET /schema lists the features",
    }
    return _respond(content, 422)


def _abbreviate(value: Any) -> Any:
    """A value for the response: long ones and those that JSON lacks as text."""
    text = json.dumps(value)
    return value if len(text) <= 100 and "NaN" not in text and "Infinity" not in text else f"{text[:100]}…"
