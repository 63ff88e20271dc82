"""Columns of a source that has changed: new ones are accepted, other types are refused."""

import re
from collections.abc import Iterable, Sequence

from firelib.console import note
from firelib.data.formats.declared_types import text_features
from firelib.data.lake import TableRecord
from firelib.data.versions.schema_changes import ColumnChange, compare_schemas
from firelib.errors import FirelibError
from firelib.recipe import Recipe, Source

#: Types of Arrow → their names in `Source.types`, where these differ.
_NAMES = {"double": "float64", "float": "float32", "large_string": "string", "binary": "bytes", "date32[day]": "date"}

_FLOATS = ("float", "double")


def check_evolution(name: str, source: Source, recipe: Recipe, before: TableRecord | None, after: TableRecord) -> None:
    """Refuse other types of columns in new content of a source; note columns that are new or gone.

    A single word among numbers turns a column into text, which the recipe, the statistics and all shards would follow.
    A type that the source or the recipe declares is accepted, and so are changes of the declaration alone.

    Args:
        name: Name of the table.
        source: Its source.
        recipe: Its string features keep columns as text.
        before: The table's entry in the lake.json that is being replaced; None without one.
        after: The entry that replaces it.

    Raises:
        FirelibError: Columns have other types; the error names all of them.
    """
    if before is None or before.source != after.source or before.sha256 == after.sha256:
        return
    changes = compare_schemas(name, before, after)
    declared = {*source.types, *text_features(recipe)}
    other = [c for c in changes if c.before and c.after and c.column not in declared]
    if other:
        raise FirelibError(
            "\n".join(f"table {name!r}: column {c.column!r} was {c.before}, is now {c.after}" for c in other),
            where=f"source {source}",
            remedy=f"correct the source; or accept the types: {_accept(other, before, recipe)}",
        )
    for change in changes:
        if not change.after:
            note(f"  {name}: column {change.column!r} ({change.before}) is gone")
        elif not change.before:
            default = repr(source.defaults[change.column]) if change.column in source.defaults else "null"
            note(f"  {name}: new column {change.column!r} ({change.after}); rows without a value have {default}")


def _accept(changes: Sequence[ColumnChange], before: TableRecord, recipe: Recipe) -> str:
    """How to accept types; those of fields of objects have no declaration."""
    declarable = [each for each in changes if each.column in before.columns and _can_declare(str(each.after))]
    ways = [f"Source(…, types={_declare(declarable)})"] if declarable else []
    if len(declarable) < len(changes):
        ways.append(
            f"remove data/{recipe.name}/lake.json, and run firelib extract, which accepts the changes of all tables"
        )
    return "; and ".join(ways)


def _can_declare(kind: str) -> bool:
    return not re.match(r"(struct|list|large_list|fixed_size_list|map)<", kind)


def _declare(changes: Iterable[ColumnChange]) -> dict[str, str]:
    """The declaration that accepts the new types; floats that happen to be whole numbers this time stay floats."""
    return {change.column: _name_type(_find_wider(str(change.before), str(change.after))) for change in changes}


def _find_wider(before: str, after: str) -> str:
    return before if before in _FLOATS and after.startswith(("int", "uint")) else after


def _name_type(kind: str) -> str:
    """The name of a type of Arrow in `Source.types`."""
    if kind.startswith("timestamp"):
        zone = re.search(r"tz=([^\]]+)", kind)
        return f"timestamp({zone[1]})" if zone else "timestamp"
    return _NAMES.get(kind, kind.replace("decimal128", "decimal"))
