"""The HTTP interface: health, schema, predictions, figures."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from firelib.recipe import Recipe
from firelib.serve.batcher import Batcher
from firelib.serve.description import describe_model
from firelib.serve.figures import Figures
from firelib.serve.predictor import Limits, Predictor, respond
from firelib.serve.scorer import Scorer


def build_app(recipe: Recipe, scorer: Scorer, limits: Limits) -> FastAPI:
    """Build the application.

    Args:
        recipe: Declares the features and the label.
        scorer: The model.
        limits: What the server accepts.
    """
    batcher, figures = Batcher(scorer.score, limits.batch), Figures()
    predictor = Predictor(recipe, batcher, limits)
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

    async def predict(request: Request) -> Response:
        started = time.perf_counter()
        response, rows = await predictor.answer(request)
        figures.add(response.status_code, time.perf_counter() - started, rows)
        return response

    app.add_route("/predict", predict, methods=["POST"])  # as it is: there are no parameters for FastAPI to inject

    @app.exception_handler(HTTPException)
    async def explain(_: Request, error: HTTPException) -> Response:
        remedy = "use GET /health, /schema or /metrics, or POST /predict"
        return respond({"error": error.detail, "remedy": remedy}, error.status_code, error.headers)

    return app
