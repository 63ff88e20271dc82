"""Check the sizes of the splits."""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from firelib.check.configuration import Configuration
from firelib.check.finding import Finding, from_error
from firelib.check.rows import CheckedRows
from firelib.config import check_split
from firelib.data.prepare import compute_positions, count_splits
from firelib.data.split import split_ranges
from firelib.errors import FirelibError
from firelib.recipe import Recipe, find_split_rule, split_columns
from firelib.recipe.locations import declaration_line

_SOME_ROWS = 200  # enough to see each split
_ORDERED = 0.1  # falling steps / rows, in a table that is nearly sorted
_FEW_ROWS = 30  # a metric of fewer rows says little


def check_splits(
    checked: CheckedRows, recipe: Recipe, file: str | None, configuration: Configuration
) -> Iterator[Finding]:
    """Check that each split gets rows, as far as all rows are known.

    Args:
        checked: Valid rows.
        recipe: Names key and test rows.
        file: The recipe's file.
        configuration: Valid parameters.
    """
    assert configuration.params
    split, where, line = configuration.params.data.split, str(configuration.file), configuration.line("data.split")
    try:
        check_split(split, recipe)
        ranges = split_ranges(split, find_split_rule(recipe))
        names = dict.fromkeys([*recipe.key, *split_columns(recipe)])
        rows = checked.valid.select(list(names)) if checked.valid is not None else None
        positions, assigned = (None, None) if rows is None else compute_positions(rows, recipe, split)
    except FirelibError as error:
        if any(finding.what.startswith(error.what) for finding in checked.findings):
            return  # the check of the key has found it, too
        at = (where, line) if "params.yaml" in str(error.where) else (file, _test_rows_line(file))
        yield from_error(error, "configuration", *at)
        return
    if assigned and assigned.problems:
        for problem, count in assigned.problems.items():
            remedy = "correct the column in transform, or exclude these rows (Recipe.exclude)"
            yield Finding("error", "transform", f"{problem} in {count:,} rows", remedy, file, None, problem)
    elif positions is not None and checked.is_complete:
        yield from _check_sizes(count_splits(positions, ranges), configuration)
    elif positions is not None and rows is not None and recipe.split_time and _is_mixed(rows[recipe.split_time]):
        yield from _name_empty_splits(count_splits(positions, ranges), configuration)


def _is_mixed(times: pa.ChunkedArray) -> bool:
    """Whether rows are in no order of time, so that the first ones show all times."""
    values = times.to_numpy()
    if len(values) < _SOME_ROWS:
        return False
    falls = float((values[1:] < values[:-1]).mean())
    return _ORDERED < falls < 1 - _ORDERED


def _name_empty_splits(sizes: Counter[str], configuration: Configuration) -> Iterator[Finding]:
    for name in (name for name, rows in sizes.items() if not rows):
        what = (
            f"split {name!r} gets none of the {sizes.total():,} rows that were checked, which are in no order of time"
        )
        remedy = "compare the cuts (validation_from, test_from) with the times in the data"
        line = configuration.line("data.split")
        yield Finding("warning", "configuration", what, remedy, str(configuration.file), line, name)


def _check_sizes(sizes: Counter[str], configuration: Configuration) -> Iterator[Finding]:
    assert configuration.params
    file, total, shares = str(configuration.file), sizes.total(), configuration.params.data.split.shares
    for name, rows in sizes.items():
        share = f"{shares[name]:g}" if name in shares else None
        line = configuration.line(f"data.split.{name}" if share else "data.split")
        if not rows:
            reason = f"its share of {total} rows is {share}" if share else f"it gets none of {total} rows"
            what, remedy = f"split {name!r} is empty: {reason}", "give the split a larger share, or move the cuts"
            yield Finding("error", "configuration", what, remedy, file, line, share)
        elif rows < _FEW_ROWS:
            what = f"split {name!r} has only {rows} of {total} rows"
            remedy = "give the split a larger share, or mistrust its metrics"
            yield Finding("warning", "configuration", what, remedy, file, line, share)


def _test_rows_line(file: str | None) -> int | None:
    return declaration_line(file, "test_rows") if file else None
