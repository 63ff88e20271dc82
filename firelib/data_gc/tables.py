"""The table of `firelib data gc`."""

from collections.abc import Sequence

from rich.filesize import decimal
from rich.table import Table

from firelib.console import table
from firelib.data_gc.plan import Decision


def decision_table(decisions: Sequence[Decision]) -> Table:
    """List what goes, then what stays, each with its size and the reason.

    Args:
        decisions: What `plan_removal` returns.
    """
    ordered = sorted(decisions, key=lambda decision: not decision.files)
    rows = [
        [
            "remove" if decision.files else "keep",
            decision.item.kind,
            decision.item.name,
            decimal(decision.nbytes if decision.files else sum(decision.item.sizes.values())),
            decision.reason,
        ]
        for decision in ordered
    ]
    return table("storage root", ["", "kind", "name", "size", "why"], rows)
