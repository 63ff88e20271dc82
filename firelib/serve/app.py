"""The HTTP interface: health, schema, predictions, figures."""

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from firelib.console import note
from firelib.errors import FirelibError
from firelib.evaluate.input_rows.problems import RowProblems
from firelib.evaluate.predictions import to_objects
from firelib.recipe import Recipe
from firelib.serve.batcher import Batcher, BatchLimits, OverloadedError
from firelib.serve.description import describe_model, expected_value
from firelib.serve.figures import Figures
from firelib.serve.request_body import InvalidRequestError, TooLargeError, parse_body, read_body
from firelib.serve.request_columns import convert_rows
from firelib.serve.scorer import Scorer

_STATUS = {TooLargeError: 413, InvalidRequestError: 422, OverloadedError: 503}
_RETRY_SECONDS = "1"


@dataclass(frozen=True)
class Limits:
    """What the server accepts.

    Attributes:
        body_bytes: Greatest size of a request.
        rows: Greatest number of rows in a request.
        batch: How many rows are scored together, and how many may wait.
    """

    body_bytes: int
    rows: int
    batch: BatchLimits


def build_app(recipe: Recipe, scorer: Scorer, limits: Limits) -> FastAPI:
    """Build the application.

    Args:
        recipe: Declares the features and the label.
        scorer: The model.
        limits: What the server accepts.
    """
    batcher, figures = Batcher(scorer.score, limits.batch), Figures()
    schema = describe_model(recipe, scorer.folder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        await batcher.stop()

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
        response, rows = await _answer(request, recipe, batcher, limits)
        figures.add(response.status_code, time.perf_counter() - started, rows)
        return response

    @app.exception_handler(HTTPException)
    async def explain(_: Request, error: HTTPException) -> JSONResponse:
        remedy = "use GET /health, /schema or /metrics, or POST /predict"
        return JSONResponse({"error": error.detail, "remedy": remedy}, error.status_code, error.headers)

    return app


async def _answer(request: Request, recipe: Recipe, batcher: Batcher, limits: Limits) -> tuple[Response, int]:
    """The response to a request for predictions, and the number of rows that were scored."""
    try:
        with batcher.receiving():
            body = await read_body(request.stream(), request.headers.get("content-length"), limits.body_bytes)
            rows = parse_body(body, limits.rows)
            columns, problems = convert_rows(rows, recipe)
        if columns is None:
            return _refuse_rows(rows, problems, recipe), 0
        outputs = await batcher.submit(columns, len(rows))
    except (TooLargeError, InvalidRequestError, OverloadedError) as error:
        status = _STATUS[type(error)]
        headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else {}
        return JSONResponse({"error": error.what, "remedy": error.remedy}, status, headers), 0
    except FirelibError as error:  # the model does not fit the label
        note(f"error: {error}")
        return JSONResponse({"error": error.what, "remedy": "correct the model"}, 500), 0
    except Exception as error:  # noqa: BLE001  the log tells the operator; the response tells no internals
        note(f"error: {type(error).__name__}: {error}")
        return JSONResponse({"error": "the model failed", "remedy": "see the log of the server"}, 500), 0
    content = json.dumps({"predictions": to_objects(outputs, recipe)})
    return Response(content, media_type="application/json"), len(rows)


def _refuse_rows(rows: Sequence[Mapping[str, Any]], problems: RowProblems, recipe: Recipe) -> JSONResponse:
    remedies = {feature.name: expected_value(feature) for feature in recipe.features}
    listed = [
        {
            "row": row,
            "column": name,
            "value": _abbreviate(rows[row].get(name)),
            "problem": problem,
            "remedy": remedies[name],
        }
        for row, name, problem in problems.list_first()
    ]
    content = {
        "error": f"{problems.count:,} of {len(rows):,} rows are invalid",
        "problems": listed,
        "remedy": "correct these rows; GET /schema lists the features",
    }
    return JSONResponse(content, 422)


def _abbreviate(value: Any) -> Any:
    """A value for the response: long ones and those that JSON lacks as text."""
    text = json.dumps(value)
    return value if len(text) <= 100 and "NaN" not in text and "Infinity" not in text else f"{text[:100]}…"
