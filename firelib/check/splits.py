"""Check the sizes of the splits."""

from collections import Counter
from collections.abc import Iterator

from firelib.check.configuration import Configuration
from firelib.check.finding import Finding, from_error
from firelib.check.rows import CheckedRows
from firelib.data.prepare import count_splits
from firelib.data.split import compute_hashes, split_ranges
from firelib.errors import FirelibError
from firelib.recipe import Recipe
from firelib.recipe.locations import declaration_line

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
        ranges = split_ranges(split, recipe.test_rows)
        names = dict.fromkeys([*recipe.key, *([recipe.test_rows] if recipe.test_rows else [])])
        rows = checked.valid.select(list(names)).to_pandas() if checked.valid is not None else None
        hashes = None if rows is None else compute_hashes(rows, recipe.key, recipe.test_rows)
    except FirelibError as error:
        at = (where, line) if "params.yaml" in str(error.where) else (file, _test_rows_line(file))
        yield from_error(error, "configuration", *at)
        return
    if hashes is not None and checked.is_complete:
        yield from _check_sizes(count_splits(hashes, ranges), configuration)


def _check_sizes(sizes: Counter[str], configuration: Configuration) -> Iterator[Finding]:
    assert configuration.params
    file, total = str(configuration.file), sizes.total()
    for name, share in configuration.params.data.split.model_dump().items():
        if not isinstance(share, float | int) or name not in sizes:
            continue
        rows, line = sizes[name], configuration.line(f"data.split.{name}")
        if not rows:
            what = f"split {name!r} is empty: its share of {total} rows is {share:g}"
            yield Finding("error", "configuration", what, "give the split a larger share", file, line, f"{share:g}")
        elif rows < _FEW_ROWS:
            what = f"split {name!r} has only {rows} of {total} rows"
            remedy = "give the split a larger share, or mistrust its metrics"
            yield Finding("warning", "configuration", what, remedy, file, line, f"{share:g}")


def _test_rows_line(file: str | None) -> int | None:
    return declaration_line(file, "test_rows") if file else None
