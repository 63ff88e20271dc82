"""The command that serves a model over HTTP."""

from typing import Annotated

import typer

from firelib.cli.project import RecipeName, load_project

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    batch_rows: Annotated[
        int, typer.Option(min=1, help="Rows of concurrent requests in one call of the model.")
    ] = 1024,
    batch_ms: Annotated[float, typer.Option(min=0, help="How long a request waits for others, at most.")] = 2.0,
    queue_rows: Annotated[int, typer.Option(min=1, help="Rows that wait before requests are refused (503).")] = 65536,
    max_rows: Annotated[int, typer.Option(min=1, help="Rows in a request (413).")] = 16384,
    max_body_mib: Annotated[float, typer.Option(min=0.001, help="Size of a request, in MiB (413).")] = 64.0,
    recipe: RecipeName = None,
) -> None:
    """Serve the model over HTTP: POST /predict, GET /schema, /health and /metrics.

    Examples: `firelib serve` · `firelib serve --port 0` · `firelib serve --recipe fashion_mnist --host 0.0.0.0`
    """
    from firelib.console import note
    from firelib.serve.app import build_app
    from firelib.serve.batcher import BatchLimits
    from firelib.serve.predictor import Limits
    from firelib.serve.scorer import Scorer
    from firelib.serve.server import bind, run_server

    project = load_project(recipe)
    with bind(host, port) as listener:
        limits = Limits(int(max_body_mib * 2**20), max_rows, BatchLimits(batch_rows, batch_ms / 1000, queue_rows))
        scorer = Scorer(project.recipe, project.paths.model)
        scorer.warm_up()
        if host not in _LOOPBACK:
            note(f"note: whoever reaches {host} can use the model: there is no authentication")
        run_server(build_app(project.recipe, scorer, limits), listener, lambda url: typer.echo(f"ready: {url}"))
