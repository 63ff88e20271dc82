"""Check that synthetic copies of rows (`data.scale`) have the features of their rows."""

from collections.abc import Iterator

import pandas as pd

from firelib.check.configuration import Configuration
from firelib.check.finding import Finding, from_error
from firelib.check.sample import transform_sample
from firelib.check.sources import Preview
from firelib.data.synthetic.copies import find_copy_numbers, find_originals
from firelib.data.synthetic.scaled_recipe import find_copied_column, scale_up
from firelib.errors import FirelibError
from firelib.recipe import Recipe

_COPIES = 2


def check_copies(recipe: Recipe, file: str | None, preview: Preview, configuration: Configuration) -> Iterator[Finding]:
    """Copy the first rows, and compare the features of the copies with those of the rows.

    Args:
        recipe: The recipe; its `transform` has accepted the rows.
        file: Its file.
        preview: The first rows of its sources.
        configuration: Valid parameters.
    """
    assert configuration.params
    data, where, line = configuration.params.data, str(configuration.file), configuration.line("data.scale")
    if data.scale == 1:
        return
    try:
        column = find_copied_column(recipe, {name: table.column_names for name, table in preview.tables.items()})
        sample, problems = transform_sample(scale_up(recipe, _COPIES, data.split), file, preview)
        if sample is None:
            yield from problems
            return
        changed = _find_changed(recipe, sample.rows, column)
    except FirelibError as error:
        yield from_error(error, "configuration", where, line)
        return
    if changed:
        what = f"copies of rows have other values of {', '.join(map(repr, changed))} than the rows"
        remedy = f"transform computes them from column {column!r}, which numbers copies, or joins it under another name"
        yield Finding("error", "configuration", what, f"set data.scale to 1: {remedy}", where, line, str(data.scale))


def _find_changed(recipe: Recipe, rows: pd.DataFrame, column: str) -> list[str]:
    """Names of features and labels that differ between the copies of the rows."""
    numbers, originals = find_copy_numbers(rows[column]), rows.assign(**{column: find_originals(rows[column], _COPIES)})
    parts = [part.sort_values([*recipe.key]).reset_index(drop=True) for _, part in originals.groupby(numbers)]
    first, last = parts[0], parts[-1]
    names = [*(feature.name for feature in recipe.features), recipe.label.name]
    if len(parts) != _COPIES or len(first) != len(last):
        return names
    return [name for name in names if not first[name].equals(last[name])]
