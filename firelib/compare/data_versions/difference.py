"""What differs between two states of the data: tables, columns, rows, and the distributions of features."""

from collections.abc import Sequence
from dataclasses import dataclass

from firelib.compare.data_versions.data_state import DataState
from firelib.data.versions.drift import Drift, measure_drift
from firelib.data.versions.row_changes import RowChanges, compare_rows
from firelib.data.versions.schema_changes import ColumnChange, compare_schemas
from firelib.recipe import Recipe


@dataclass(frozen=True)
class TableDifference:
    """What differs between the tables of two states.

    Attributes:
        rows: What has become of the rows of each table that both states have.
        columns: Columns that differ.
        only_before: Tables that only the first state has.
        only_after: Tables that only the second state has.
    """

    rows: Sequence[RowChanges]
    columns: Sequence[ColumnChange]
    only_before: Sequence[str]
    only_after: Sequence[str]


def compare_tables(before: DataState, after: DataState, recipe: Recipe) -> TableDifference:
    """Compare the tables of two states; only what differs is read.

    Args:
        before: The first state.
        after: The second state.
        recipe: Declares the key.
    """
    both = [name for name in before.tables if name in after.tables]
    return TableDifference(
        rows=[compare_rows(before.tables[name], after.tables[name], recipe.key) for name in both],
        columns=[
            change
            for name in both
            for change in compare_schemas(name, before.tables[name].record, after.tables[name].record)
        ],
        only_before=[name for name in before.tables if name not in after.tables],
        only_after=[name for name in after.tables if name not in before.tables],
    )


def compare_features(before: DataState, after: DataState, recipe: Recipe, scratch: str) -> list[Drift]:
    """Compare the distributions of features and label; those that moved most come first. Ray must be connected.

    Args:
        before: The first state.
        after: The second state.
        recipe: Makes the rows of both.
        scratch: URI of a folder for shuffles, which all workers can read.

    Raises:
        FirelibError: The recipe's `transform` fails with the tables of a state.
    """
    from firelib.data.versions.feature_sample import sample_features, sample_limit

    limit = sample_limit(max(before.rows, after.rows))
    samples = [sample_features(recipe, state.tables, limit, state.name, scratch) for state in (before, after)]
    drifts = [measure_drift(name, *(sample[name] for sample in samples)) for name in samples[0].column_names]
    return sorted(drifts, key=lambda drift: (-drift.psi, drift.name))
