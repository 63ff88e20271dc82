"""Plans as a table, followed by quotas and missing prerequisites."""

from collections.abc import Sequence

from firelib.console import out, table
from firelib.launch.plan import Plan


def show_plans(plans: Sequence[Plan]) -> None:
    """Print one row for each backend, then its quotas, its missing prerequisites and the source of the prices."""
    rows = [[plan.backend, plan.machines, _price(plan), "yes" if plan.preemptible else "no"] for plan in plans]
    shown = table("firelib plan", ["backend", "machines", "price", "preemptible"], rows)
    for column in shown.columns:
        column.justify = "left"
    out.print(shown)
    for plan in plans:
        if plan.gpu_use:
            out.print(f"{plan.backend}: {plan.gpu_use}", highlight=False)
        for metric, amount in plan.quotas.items():
            out.print(f"{plan.backend}: quota {metric}: {amount} needed", highlight=False)
        for what in plan.missing:
            out.print(f"{plan.backend}: missing: {what}", highlight=False)
    for text in dict.fromkeys(text for plan in plans for text in plan.notes):
        out.print(f"note: {text}", highlight=False)
    sources = sorted({f"{plan.price.source}; {plan.price.as_of}" for plan in plans if plan.price})
    for source in sources:
        out.print(f"prices: {source}", highlight=False)


def _price(plan: Plan) -> str:
    if plan.price:
        return f"about ${plan.price.hourly:.2f} an hour"
    return "unknown" if plan.is_rented else "own machines"
