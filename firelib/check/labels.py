"""Check the label: one class, a constant, extremely rare classes."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from firelib.check.finding import Finding, grade
from firelib.check.rows import CheckedRows
from firelib.check.sources import Preview
from firelib.recipe import Recipe, TaskKind, infer_task
from firelib.recipe.locations import declaration_line
from firelib.tfrecord.format.arrow_columns import cast_column

_RARE = 0.01  # share of a class that a model may never learn without weights
_ENOUGH_ROWS = 100  # to speak of shares
_MOST_SHOWN = 10
_NO_CLASS = "add them to classes, or leave these rows out in exclude"


def check_label_values(checked: CheckedRows, recipe: Recipe, file: str | None, is_weighted: bool) -> Iterator[Finding]:
    """Look at the values of the label.

    Args:
        checked: Valid rows.
        recipe: Declares the label.
        file: The recipe's file.
        is_weighted: Whether params.yaml gives rare classes more weight.
    """
    if checked.valid is None or not checked.valid.num_rows:
        return
    label, line = recipe.label, declaration_line(file, "label") if file else None
    rows, severity = checked.valid.num_rows, grade(checked.is_complete)
    hint = "" if checked.is_complete else f" in the {rows} rows that were checked"
    column = cast_column(checked.valid, label)
    if label.shape:
        yield from _check_array(column, recipe, file, line)
        return
    counts = pc.value_counts(column.combine_chunks())
    share = {value.as_py(): count.as_py() / rows for value, count in zip(*counts.flatten(), strict=True)}
    if len(share) == 1 and rows > 1:
        value = repr(next(iter(share)))
        what = f"the label {label.name!r} has one value, {value}{hint}: there is nothing to learn"
        remedy = "check the column in transform, and the rows that exclude leaves"
        yield Finding(severity, "rows", what, remedy, file, line, value)
    elif infer_task(label) is not TaskKind.REGRESSION and rows >= _ENOUGH_ROWS:
        yield from _check_classes(share, checked, recipe, file, line, is_weighted)


def check_class_names(preview: Preview, recipe: Recipe, file: str | None) -> Iterator[Finding]:
    """Name the values of the label that are none of the recipe's classes, where others are.

    Args:
        preview: The first rows of the sources.
        recipe: Names the classes.
        file: The recipe's file.
    """
    known = [name for name in recipe.classes if isinstance(name, str)]
    line = declaration_line(file, "classes") if file else None
    for table in preview.tables.values():
        if not known or recipe.label.name not in table.column_names:
            continue
        unknown = _count_unknown(table[recipe.label.name].drop_null(), known)
        if not unknown:
            continue
        shown = ", ".join(f"{value!r} in {rows:,} rows" for value, rows in unknown[:_MOST_SHOWN])
        what = f"values of the label {recipe.label.name!r} are no class: {shown}"
        folded = {name.strip().casefold(): name for name in known}
        alike = [folded[key] for value, _ in unknown if (key := value.strip().casefold()) in folded]
        names = ", ".join(map(repr, alike[:_MOST_SHOWN]))
        remedy = f"write them in prepare as the classes are written: {names}" if alike else _NO_CLASS
        yield Finding("warning", "rows", what, remedy, file, line, unknown[0][0])


def _count_unknown(column: pa.ChunkedArray, known: list[str]) -> list[tuple[str, int]]:
    """The texts that are no class, and their rows, most frequent first; none if no text is a class."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return []
    is_known = pc.is_in(column, pa.array(known, column.type))
    if not pc.any(is_known).as_py():
        return []
    counts = pc.value_counts(column.filter(pc.invert(is_known))).to_pylist()
    return sorted(((one["values"], one["counts"]) for one in counts), key=lambda pair: (-pair[1], pair[0]))


def _check_classes(
    share: dict[float, float], checked: CheckedRows, recipe: Recipe, file: str | None, line: int | None, weighted: bool
) -> Iterator[Finding]:
    rare = {value: part for value, part in share.items() if part < _RARE}
    if rare and not weighted and infer_task(recipe.label) is TaskKind.BINARY:
        value, part = min(rare.items(), key=lambda item: item[1])
        what = f"class {value} of label {recipe.label.name!r} has {part:.2%} of the rows"
        remedy = "set train.class_weights: balanced, or compare the model by average precision instead of accuracy"
        yield Finding("warning", "rows", what, remedy, file, line, str(value))
    classes = int(recipe.label.range[1]) + 1 if recipe.label.range else 2
    absent = [str(index) for index in range(classes) if index not in share]
    if absent and checked.is_complete:
        shown = ", ".join(absent[:_MOST_SHOWN]) + (", …" if len(absent) > _MOST_SHOWN else "")
        what = f"label {recipe.label.name!r} is declared with {classes} classes, but no row has {shown}"
        yield Finding("warning", "rows", what, "correct range=(0, classes - 1) of the label", file, line, shown)


def _check_array(column: pa.ChunkedArray, recipe: Recipe, file: str | None, line: int | None) -> Iterator[Finding]:
    values = pc.list_flatten(column)
    if len(column) > 1 and len(pc.unique(values)) == 1:
        what = f"the label {recipe.label.name!r} has the same value, {values[0].as_py()}, everywhere"
        yield Finding("warning", "rows", what, "check the column in transform", file, line, str(values[0].as_py()))
