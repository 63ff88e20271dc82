"""A capacity plan as a table, followed by the origin of its figures and its limits."""

from firelib.console import out, table
from firelib.gcp.machine_catalog import read_catalog
from firelib.launch.client.capacity.model.estimate import Estimate
from firelib.launch.client.capacity.plan import CapacityPlan
from firelib.launch.client.capacity.request import format_duration
from firelib.launch.plan import format_count

_HEADERS = ("machines", "extract", "transform", "train", "in all", "memory")


def show_capacity_plan(plan: CapacityPlan) -> None:
    """Print a row for each machine type, then where the figures are from, and the limits.

    Args:
        plan: The plan.
    """
    within = f" within {format_duration(plan.request.deadline)}" if plan.request.deadline else ""
    title = f"{plan.request.rows:,} rows{within}, {plan.request.provisioning}"
    shown = table(title, _HEADERS, [_row(each) for each in plan.found])
    shown.columns[0].min_width = max(len(_name(each)) for each in plan.found)
    out.print(shown)
    out.print("each stage: its time, and what limits it; in all: time, and cost in US dollars", highlight=False)
    for stage, origin in plan.figures.origins.items():
        out.print(f"measured: {stage}: {origin}", highlight=False)
    for text in plan.limits:
        out.print(f"limit: {text}", highlight=False)
    catalog = read_catalog()
    out.print(f"prices: {catalog['source']}; {catalog['as_of']}", highlight=False)


def _row(found: Estimate) -> list[str]:
    """Cells of two lines: a time and what limits it, machines and workers, time and cost."""
    fleet = found.fleet
    return [
        f"{_name(found)}\n{format_count(found.workers, 'worker')}",
        *(f"{format_duration(stage.seconds)}\n{stage.bottleneck}" for stage in found.stages),
        f"{format_duration(found.seconds)}\n{_format_cost(found.cost)}",
        f"{found.memory_gib:.0f} of {fleet.machine.memory_gib:g}\nGiB",
    ]


def _name(found: Estimate) -> str:
    return f"{found.fleet.count} × {found.fleet.machine.name}"


def _format_cost(cost: float | None) -> str:
    if cost is None:
        return "unknown"
    return f"${cost:,.2f}" if cost >= 0.01 else "< $0.01"
