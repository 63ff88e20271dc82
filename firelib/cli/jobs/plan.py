"""The command `firelib plan`."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firelib.cli import options
from firelib.cli.jobs.description import COMMAND_LINE
from firelib.cli.project import Project, RecipeName, current_options, load_project

if TYPE_CHECKING:
    from collections.abc import Mapping

_Rows = Annotated[str | None, typer.Option(help="Rows of the dataset, such as 1e9: plan machines for the pipeline.")]
_Deadline = Annotated[str | None, typer.Option(help="With --rows: time for the whole pipeline: 2h, 1h30m.")]
_Latency = Annotated[float | None, typer.Option(help="With --rows: milliseconds to the bucket; default: 20.")]
_Bandwidth = Annotated[float | None, typer.Option(help="With --rows: Gbit/s of the bucket in all; default: 200.")]
_Preemptions = Annotated[
    float | None, typer.Option(help="With --rows: losses of a Spot machine an hour; default 0.05.")
]
_Json = Annotated[bool, typer.Option("--json", help="With --rows: print the plan as JSON.")]
_Measure = Annotated[bool, typer.Option("--measure", help="Measure this project's stages first, in some minutes.")]


def plan(
    to: options.PlanTo = "all",
    replicas: options.Replicas = None,
    machine: options.Machine = None,
    gpu: options.Gpu = None,
    region: options.Region = None,
    provisioning: options.Provisioning = None,
    buying: options.Buying = None,
    rows: _Rows = None,
    deadline: _Deadline = None,
    bucket_latency: _Latency = None,
    bucket_gbit: _Bandwidth = None,
    preemptions: _Preemptions = None,
    measure: _Measure = False,
    json: _Json = False,
    recipe: RecipeName = None,
) -> None:
    """Show what a job needs on each backend: machines, price, quotas, missing prerequisites. Nothing is sent.

    `--to ray` reads cluster/cluster.yaml if it exists. With `--rows`, show which machines bring so many rows through
    the pipeline before a deadline, the cheapest first, as this project's own runs predict.

    Examples: `firelib plan` · `firelib plan --to vertex --gpu l4 --replicas 2` ·
    `firelib plan --rows 1e9 --deadline 12h`
    """
    provisioned = options.resolve_provisioning(provisioning, buying)
    asked = {
        "rows": rows,
        "deadline": deadline,
        "to": to,
        "machine": machine,
        "replicas": replicas,
        "provisioning": provisioned,
        "latency_ms": bucket_latency,
        "bucket_gbit": bucket_gbit,
        "preemptions": preemptions,
    }
    _refuse_unused(asked, gpu, region, json)
    if measure:
        _measure(load_project(recipe))
    if rows is not None:
        _plan_rows(asked, recipe, json)
    elif not measure:
        _plan_job(to, {"gpu": gpu, "machine": machine}, {"count": replicas, "provisioning": provisioned}, region)


def _refuse_unused(asked: "Mapping[str, Any]", gpu: str | None, region: str | None, json: bool) -> None:
    """Refuse options that would not count."""
    from firelib.errors import FirelibError

    planned = {"--gpu": gpu, "--region": region}
    needing = {f"--{name.replace('_', '-')}": asked[name] for name in ("deadline", "bucket_gbit", "preemptions")}
    needing |= {"--bucket-latency": asked["latency_ms"], "--json": json or None}
    if asked["rows"] is not None:
        wrong = [f"{name} does not go with --rows" for name, value in planned.items() if value is not None]
    else:
        wrong = [f"{name} needs --rows" for name, value in needing.items() if value is not None]
    if wrong:
        raise FirelibError("\n".join(wrong), where=COMMAND_LINE, remedy="see firelib plan --help")


def _plan_job(to: str, resources: "Mapping[str, Any]", replicas: "Mapping[str, Any]", region: str | None) -> None:
    from firelib.launch.client.job_file import merge_fields
    from firelib.launch.client.planning.plan import make_plans
    from firelib.launch.client.planning.plan_table import show_plans
    from firelib.launch.field_errors import parse_fields
    from firelib.launch.plan import PlanRequest
    from firelib.project_layout import find_project

    given = {
        "resources": resources,
        "replicas": replicas,
        "region": region,
        "workers": os.environ.get("FIRELIB_WORKERS") or None,
    }
    request = parse_fields(PlanRequest, merge_fields({}, given), where=COMMAND_LINE)
    show_plans(make_plans(to, request, find_project(current_options().params)))


def _plan_rows(asked: "Mapping[str, Any]", recipe: str | None, json: bool) -> None:
    from firelib.launch.client.capacity.plan import make_capacity_plan
    from firelib.launch.client.capacity.plan_table import show_capacity_plan
    from firelib.launch.client.capacity.request import parse_request
    from firelib.launch.client.request_json import show_request

    request = parse_request(asked)
    project = load_project(recipe)
    made = make_capacity_plan(request, project.params, project.paths)
    if json:
        show_request(made.to_json())
    else:
        show_capacity_plan(made)


def _measure(project: Project) -> None:
    from firelib.launch.client.capacity.calibration import calibrate

    calibrate(project.params, project.paths)
