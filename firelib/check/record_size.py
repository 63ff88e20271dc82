"""Look for texts whose declared room makes the records many times larger than what they hold."""

from collections.abc import Iterator

import pyarrow.compute as pc

from firelib.check.finding import Finding
from firelib.check.rows import CheckedRows
from firelib.recipe import Recipe
from firelib.recipe.locations import declaration_line

_LARGE_BYTES = 1024
_TIMES = 16  # the mean length


def check_record_size(checked: CheckedRows, recipe: Recipe, file: str | None) -> Iterator[Finding]:
    """Name the features whose `max_length` is far larger than their texts: every record has room for the longest.

    Args:
        checked: Valid rows.
        recipe: Declares the features.
        file: The recipe's file.
    """
    if checked.valid is None or not checked.valid.num_rows:
        return
    for feature in recipe.features:
        room = feature.max_length or 0
        if room < _LARGE_BYTES:
            continue
        mean = pc.mean(pc.binary_length(checked.valid[feature.name])).as_py() or 0.0
        if room > _TIMES * mean:
            what = (
                f"feature {feature.name!r}: each record has room for max_length={room:,} bytes, and the texts have "
                f"{mean:,.0f} on average"
            )
            remedy = "leave max_length out, so that records are as long as their texts"
            line = declaration_line(file, "features", feature.name) if file else None
            yield Finding("warning", "rows", what, remedy, file, line, str(room))
