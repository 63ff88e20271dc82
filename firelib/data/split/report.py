"""Whether every split has rows and a share near the declared one, and what the manifest says about the split."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from firelib import config
from firelib.console import note
from firelib.errors import FirelibError
from firelib.recipe import SPLITS, Recipe, SplitRule, find_split_rule, split_columns

_MOST_PROBLEMS = 10


class HasProblems(Protocol):
    """Results of the first pass over some rows."""

    @property
    def problems(self) -> Counter[str]:
        """What is wrong with the columns that decide the split → number of rows."""


class Divided(Protocol):
    """Rows that are divided between the splits."""

    @property
    def groups(self) -> Counter[int]:
        """Hash of a group → number of rows, of the largest groups, if groups decide the split."""

    @property
    def times(self) -> tuple[Any, ...]:
        """The first and the last time, if times decide the split."""


def check_values(partitions: Sequence[HasProblems], recipe: Recipe) -> None:
    """Refuse nulls and other unusable values in the columns that decide the split, all at once.

    Args:
        partitions: Results of the first pass.
        recipe: Names the columns.

    Raises:
        FirelibError: There are such values.
    """
    problems = sum((part.problems for part in partitions), Counter[str]())
    if problems:
        shown = [f"{problem} in {rows:,} rows" for problem, rows in problems.most_common(_MOST_PROBLEMS)]
        allowed = f"the values {', '.join(SPLITS)}" if recipe.split_column else "no nulls"
        raise FirelibError(
            "\n".join(shown),
            where=f"recipe {recipe.name!r}: the table that transform returns",
            remedy=f"give the column {allowed}, or exclude these rows (Recipe.exclude)",
        )


def check_rows(parts: Sequence[Divided], totals: Counter[str], recipe: Recipe, split: config.Split) -> None:
    """Refuse empty splits, and note a group that is larger than a split.

    Args:
        parts: Partitions or generations.
        totals: Split → number of rows.
        recipe: Selects what decides the split.
        split: Shares of the splits, or cut dates.

    Raises:
        FirelibError: A split is empty.
    """
    empty = [name for name in SPLITS if not totals[name]]
    if empty:
        raise _explain_empty(empty, parts, totals, recipe, split)
    groups = sum((part.groups for part in parts), Counter[int]())
    largest, smallest = max(groups.values(), default=0), min(split.shares.values(), default=1.0)
    if largest > smallest * totals.total():
        note(
            f"note: the largest group ({', '.join(recipe.split_by)}) has {largest:,} of {totals.total():,} rows, more "
            f"than the smallest share ({smallest:g}): the shares are {_show_shares(totals)}"
        )


def _explain_empty(
    empty: Sequence[str],
    parts: Sequence[Divided],
    totals: Counter[str],
    recipe: Recipe,
    split: config.Split,
) -> FirelibError:
    rows, rule = totals.total(), find_split_rule(recipe)
    names = " and ".join(map(repr, empty))
    named = f"split {names} is empty" if len(empty) == 1 else f"splits {names} are empty"
    if not rows:
        what, where, remedy = f"{named}: no rows are left", f"recipe {recipe.name!r}", "see data/…/rejected.parquet"
    elif rule is SplitRule.TEST_ROWS and empty == ["test"]:
        what = f"{named}: {recipe.test_rows!r} is true in none of {rows} rows"
        where = f"recipe {recipe.name!r}: test_rows"
        remedy = "mark the test rows, or remove test_rows and set data.split.test to a share above 0"
    elif rule is SplitRule.COLUMN:
        what = f"{named}: column {recipe.split_column!r} names it in none of {rows} rows"
        where, remedy = f"recipe {recipe.name!r}: split_column", f"the column must name each of {', '.join(SPLITS)}"
    elif rule is SplitRule.TIME:
        low, high = _find_range(parts)
        cuts = " and ".join(map(str, split.cuts))
        what = f"{named}: the cuts are {cuts}, and {recipe.split_time!r} goes from {low} to {high}"
        where, remedy = "params.yaml: data.split", "set cuts after the first and not after the last time"
    elif rule is SplitRule.GROUP:
        groups = len(sum((part.groups for part in parts), Counter[int]()))
        count = f"{groups} group{'s' * (groups != 1)} of {', '.join(recipe.split_by)}"
        what = f"{named}: there are {count} in {rows} rows; the shares are {_show_shares(totals)}"
        where, remedy = f"recipe {recipe.name!r}: split_by", "name columns with more groups, or give larger shares"
    else:
        what = f"{named}: its share of {rows} rows is {split.shares[empty[0]]:g}"
        where = "params.yaml: data.split"
        remedy = "give the split a larger share, or choose a data.version with more rows"
    return FirelibError(what, where=where, remedy=remedy)


def _find_range(parts: Sequence[Divided]) -> tuple[Any, Any]:
    ranges = [part.times for part in parts if part.times]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _show_shares(rows: Mapping[str, int]) -> str:
    total = max(1, sum(rows.values()))
    return ", ".join(f"{name} {rows.get(name, 0) / total:.1%}" for name in SPLITS)


def describe_split(recipe: Recipe, split: config.Split, leakage: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says about a split that the recipe selects; nothing where only the key's hash decides.

    Args:
        recipe: Selects what decides the split.
        split: Shares of the splits, or cut dates.
        leakage: What is on two sides (`report_leakage`).
    """
    rule = find_split_rule(recipe)
    if rule in (SplitRule.KEY, SplitRule.TEST_ROWS):
        return {}
    declared: dict[str, Any] = {"by": rule.value, "columns": list(split_columns(recipe))}
    declared |= {"shares": split.shares} if split.shares else {}
    declared |= {"cuts": [str(cut) for cut in split.cuts]} if split.cuts else {}
    return {"split": {**declared, "leakage": dict(leakage)}}
