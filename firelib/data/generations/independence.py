"""Prove that each row of `transform`'s table depends on one row of the table that grows.

The proof reads Dask's expression: on the way from the growing table to the result, only steps are allowed that treat
its partitions one by one (columns, filters, `map_partitions`), and joins with tables that do not grow. Group-bys,
shuffles, windows and whatever else brings rows together end it. Then rows of one commit never depend on another commit.
"""

from collections.abc import Sequence
from typing import Any

from dask.callbacks import Callback
from dask.dataframe.dask_expr._concat import Concat
from dask.dataframe.dask_expr._expr import Blockwise, Expr, MapOverlap, MapPartitions, Sample
from dask.dataframe.dask_expr._merge import Merge

from firelib.recipe.row_wise import reads_example

#: Which side of a join may be the growing one, by the kind of the join: its rows then meet rows of the other side only.
_SIDES = {
    "inner": ("left", "right"),
    "left": ("left",),
    "leftsemi": ("left",),
    "leftanti": ("left",),
    "right": ("right",),
}


class EagerComputation(Callback):  # type: ignore[misc]  # Dask's base class is untyped
    """A context that notices whether `transform` computes something while it only should describe the table.

    Attributes:
        found: Whether it does. What it computed is no part of the expression.
    """

    def __init__(self) -> None:
        super().__init__(start=self._notice)
        self.found = False

    def _notice(self, graph: Any) -> None:
        del graph
        self.found = self.found or not reads_example.get()


def explain_dependence(frame: Any, table: Any) -> str | None:
    """What may make a row of a Dask dataframe depend on several rows of a table.

    Args:
        frame: The dataframe, not optimized: then joins are still joins.
        table: The Dask dataframe of the table.

    Returns:
        The first step that brings rows together; None if each row depends on one row of the table.
    """
    growing = {table.expr._name}
    for expr in _list_steps(frame.expr):
        parts = [part for part in expr.dependencies() if part._name in growing]
        if parts:
            if problem := _explain_step(expr, parts):
                return problem
            growing.add(expr._name)
    return None if frame.expr._name in growing else "its rows do not come from the table that grows"


def _list_steps(expr: Expr) -> list[Expr]:
    """All parts of an expression, each once and after its own parts."""
    found: dict[str, Expr] = {}
    pending = [(expr, False)]
    while pending:
        part, is_expanded = pending.pop()
        if part._name in found:
            continue
        if is_expanded:
            found[part._name] = part
        else:
            pending += [(part, True), *((below, False) for below in part.dependencies())]
    return [*found.values()]


def _explain_step(expr: Expr, growing: Sequence[Expr]) -> str | None:
    """Why a step may bring rows together; None if it does not."""
    parts = expr.dependencies()
    others = [part for part in parts if all(part is not each for each in growing)]
    if isinstance(expr, Merge):
        allowed = [getattr(expr, side)._name for side in _SIDES.get(expr.how, ())]
        is_one_sided = len(growing) == 1 and growing[0]._name in allowed
        return None if is_one_sided else f"a join of kind {expr.how!r}" + " of the table with itself" * (not others)
    if isinstance(expr, Concat):
        return None if expr.axis == 0 and not others else "a concatenation with another table"
    if not isinstance(expr, Blockwise) or isinstance(expr, MapOverlap | Sample):
        return f"the step {type(expr).__name__}"
    if isinstance(expr, MapPartitions) and expr._has_partition_info:
        return "a function that asks for the number of its partition"
    is_aligned = parts[0] is growing[0] and not any(part.ndim > 0 and part.npartitions > 1 for part in others)
    return None if is_aligned else f"the step {type(expr).__name__} with another table"
