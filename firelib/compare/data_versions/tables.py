"""Tables of the differences between two states of the data, narrower than 80 columns where names are short."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from firelib.compare.data_versions.difference import TableDifference
from firelib.compare.data_versions.metrics_by_version import VersionMetrics
from firelib.console import printable, table
from firelib.console_tables import format_figure
from firelib.data.versions.drift import MOVED, MOVED_FAR, Drift
from firelib.data.versions.row_changes import RowChanges

_WIDTH_FOR_DEVIATIONS = 100  # columns of the terminal
_MANY_KEYS = 3  # columns of a key that do not fit into a cell
_MOST_COLUMNS = 10  # with changed values, in the table


def row_tables(difference: TableDifference) -> Iterator[RenderableType]:
    """Describe tables, rows and columns.

    Args:
        difference: What differs.

    Yields:
        A table of the rows; then a table or a line for each kind of difference that there is.
    """
    yield _row_table(difference.rows)
    for changes in difference.rows:
        if changes.changed:
            yield _value_table(changes)
    if difference.columns:
        cells = [[f"{c.table}.{c.column}", c.before or "–", c.after or "–"] for c in difference.columns]
        yield table("Schema", ["column", "A", "B"], cells)
    for label, names in (("A", difference.only_before), ("B", difference.only_after)):
        if names:
            yield Text(printable(f"only in {label}: table {', '.join(names)}"))


def _row_table(every: Sequence[RowChanges]) -> RenderableType:
    columns = ["table", "rows in A", "rows in B", "added", "removed", "changed", "compared by"]
    cells = [
        [
            changes.table,
            f"{changes.before:,}",
            f"{changes.after:,}",
            f"{changes.added:,}",
            f"{changes.removed:,}",
            f"{changes.changed:,}" if changes.key or not (changes.added or changes.removed) else "",
            _name_key(changes),
        ]
        for changes in every
    ]
    return table("Rows", columns, cells)


def _name_key(changes: RowChanges) -> str:
    if not (changes.added or changes.removed or changes.changed):
        return "the same"
    if not changes.key:
        return "whole rows"
    return ", ".join(changes.key) if len(changes.key) < _MANY_KEYS else f"{len(changes.key)} key columns"


def _value_table(changes: RowChanges) -> RenderableType:
    most = changes.columns.most_common(_MOST_COLUMNS)
    cells = [[name, f"{count:,}", f"{count / changes.examined:.1%}"] for name, count in most]
    title = f"{changes.table}: values that differ in {changes.examined:,} changed rows"
    return table(title, ["column", "rows", "share"], cells)


def metric_table(name: str, entries: Sequence[VersionMetrics]) -> RenderableType:
    """List the metrics of the models that were trained on each version of a table.

    Args:
        name: The table's name.
        entries: Version, states and metrics, in the order of the rows.
    """
    metrics = sorted({metric for entry in entries for metric in entry.metrics})
    cells = [
        [
            str(entry.version),
            ", ".join(entry.states),
            *(format_figure(entry.metrics[metric]) if metric in entry.metrics else "–" for metric in metrics),
        ]
        for entry in entries
    ]
    return table(f"{name}: metrics by version", ["version", "of", *(m.replace("_", " ") for m in metrics)], cells)


def drift_table(drifts: Sequence[Drift], width: int) -> RenderableType:
    """List the statistics of each feature in both states, and how far it has moved.

    Args:
        drifts: The features, in the order of the rows.
        width: Columns of the terminal; standard deviations are shown from 100 columns.
    """
    is_wide = width >= _WIDTH_FOR_DEVIATIONS
    cells = [_drift_cells(drift, is_wide) for drift in drifts]
    rows = drifts[0].before.rows, drifts[0].after.rows
    title = f"Features and label, A → B ({rows[0]:,} and {rows[1]:,} rows)"
    columns = ["", "mean", *(["std"] if is_wide else []), "missing", "PSI", "KS", ""]
    return table(title, columns, cells)


def _drift_cells(drift: Drift, is_wide: bool) -> list[str]:
    before, after = drift.before, drift.after
    if before.distinct is not None:
        statistics = [f"{before.distinct:,} → {after.distinct:,} words", *([""] if is_wide else [])]
    else:
        deviations = [f"{before.std:.3g} → {after.std:.3g}"] if is_wide else []
        statistics = [f"{before.mean:.4g} → {after.mean:.4g}", *deviations]
    missing = f"{before.missing:.1%} → {after.missing:.1%}" if before.missing or after.missing else ""
    ks = "" if drift.ks is None else f"{drift.ks:.3f}"
    return [drift.name, *statistics, missing, f"{drift.psi:.3f}", ks, _judge(drift.psi)]


def _judge(psi: float) -> str:
    return "moved far" if psi >= MOVED_FAR else "moved" if psi >= MOVED else "stable"
