"""The sources' values for rows without one, in rows of JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from firelib.recipe import Recipe


def has_defaults(recipe: Recipe) -> bool:
    """Whether a source declares values for rows without one."""
    return any(source.defaults for source in recipe.sources.values())


def fill_records(rows: Sequence[Mapping[str, Any]], recipe: Recipe) -> Sequence[Mapping[str, Any]]:
    """Fill missing values as the reader of files does (`fill_defaults`).

    Args:
        rows: Name → value; a missing name means a missing value.
        recipe: Its sources declare the defaults.
    """
    if not has_defaults(recipe):
        return rows
    defaults = {name: value for source in recipe.sources.values() for name, value in source.defaults.items()}
    return [{**defaults, **{name: value for name, value in row.items() if value is not None}} for row in rows]
