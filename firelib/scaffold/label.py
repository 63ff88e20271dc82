"""Which column is the label, which task it asks for, and how the recipe makes numbers of it."""

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import TaskKind
from firelib.scaffold.columns import MOST_VALUES, Column, Kind

_USUAL_NAMES = ("label", "labels", "target", "class", "y", "outcome", "category", "tags")
_MOST_NUMBERED_CLASSES = 20  # distinct integers beyond which a label is a number to estimate
_ROWS_A_CLASS = 10
_FEW_CLASSES = 20  # up to which a small table may have a class for every other row
_SEPARATORS = ("|", ";", ",")
_MOST_LABELS = 200
_NEGATIVE = frozenset(("no", "n", "nein", "non", "false", "f", "0", "off", "negative", "neg", "absent", "-"))


@dataclass(frozen=True)
class LabelDraft:
    """The label of the recipe.

    Attributes:
        columns: The columns that it is made from.
        task: What it asks for.
        dtype: Its dtype.
        classes: The values in the data that become 0, 1, …; or the names of several labels. Empty for numbers.
        names: What `classes` are called; the same as text.
        separator: What stands between several labels in one text; empty if they are lists, or columns.
        missing: Number of rows without a label.
        mean: Mean of numbers.
        std: Standard deviation of numbers.
        size: Number of values, of an array of numbers.
        reason: Why this task was chosen.
    """

    columns: tuple[str, ...]
    task: TaskKind
    dtype: str = "int64"
    classes: tuple[Any, ...] = ()
    separator: str = ""
    missing: int = 0
    mean: float = 0.0
    std: float = 1.0
    size: int = 0
    reason: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The classes as text."""
        return tuple(str(value) for value in self.classes)

    @property
    def is_numbered(self) -> bool:
        """Whether the values in the data are 0, 1, … already."""
        return all(not isinstance(value, str) for value in self.classes) and [*self.classes] == [
            *range(len(self.classes))
        ]


def find_label(names: Sequence[str], wanted: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Find the columns of the label.

    Args:
        names: Names of the columns.
        wanted: The columns that the user names; none lets firelib guess.

    Returns:
        The columns; and how they were found, for the user.

    Raises:
        FirelibError: There is no such column.
    """
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise FirelibError(
            f"the data have no column {', '.join(map(repr, unknown))}",
            where="--label",
            remedy=_suggest(unknown[0], names),
        )
    if wanted:
        return tuple(dict.fromkeys(wanted)), "as --label says"
    usual = [name for wish in _USUAL_NAMES for name in names if name.lower() == wish]
    if usual:
        return (usual[0],), "guessed from its name; --label names another one"
    return (names[-1],), "guessed: it is the last column; --label names another one"


def _suggest(name: str, names: Sequence[str]) -> str:
    parts = [part.strip() for part in name.split(",")]
    if len(parts) > 1 and set(parts) <= set(names):
        return f"pass each of several labels by itself: {' '.join(f'--label {shlex.quote(part)}' for part in parts)}"
    alike = [each for each in names if each.lower() == name.lower()]
    return f"did you mean {alike[0]!r}?" if alike else did_you_mean(name, names)


def draft_label(columns: Sequence[Column], table: pa.Table) -> LabelDraft:
    """Decide what the label asks for.

    Args:
        columns: Figures of the label's columns; several of them become several labels.
        table: The rows.

    Raises:
        FirelibError: The label is constant or has no values, or is of a kind that no task has.
    """
    for column in columns:
        _require_variety(column, table)
    if len(columns) > 1:
        return _draft_columns(columns)
    column = columns[0]
    if column.kind is Kind.LIST or column.kind is Kind.ARRAY:
        return _draft_lists(column, table)
    if column.kind is Kind.TEXT:
        return _split_labels(column, table) or _put_positive_last(
            _draft_classes(column, "its values are text"), table[column.name]
        )
    if column.kind is Kind.BOOL:
        return _draft_classes(column, "its values are true and false")
    if not column.is_number:
        raise _refuse(column, f"holds values of kind {column.kind}", "derive a number or a class in a file of your own")
    values = [value for value in column.values if float(value).is_integer()]
    are_few = 0 < len(column.values) == len(values) <= _MOST_NUMBERED_CLASSES
    if are_few and (len(values) == 2 or column.present >= _ROWS_A_CLASS * len(values)):
        return _draft_classes(column, f"it has {len(values)} distinct whole numbers")
    return _draft_number(column, table)


def _require_variety(column: Column, table: pa.Table) -> None:
    if not column.rows:
        raise FirelibError("the data have no rows", where="--from", remedy="check the file")
    if not column.present:
        raise _refuse(column, "has no values", "choose another column")
    if column.distinct == 1:
        value = column.values[0] if column.values else table[column.name][0].as_py()
        raise _refuse(column, f"is {value!r} in every row that has one", "choose a column that varies")


def _refuse(column: Column, problem: str, remedy: str) -> FirelibError:
    return FirelibError(f"the label {column.name!r} {problem}", where="--label", remedy=f"{remedy}: --label COLUMN")


def _draft_classes(column: Column, reason: str) -> LabelDraft:
    if len(column.values) < column.distinct:
        raise _refuse(
            column,
            f"has {column.distinct:,} distinct values; at most {MOST_VALUES} can be classes",
            "choose a column with fewer values, or one of numbers",
        )
    if column.kind is Kind.TEXT and column.distinct > _FEW_CLASSES and 2 * column.distinct > column.present:
        raise _refuse(
            column,
            f"has {column.distinct:,} distinct texts in {column.present:,} rows, so nearly every row is a class alone",
            "choose a column with fewer values, or one of numbers",
        )
    values = tuple(int(value) if not isinstance(value, str) else value for value in column.values)
    task = TaskKind.BINARY if len(values) == 2 else TaskKind.MULTICLASS
    return LabelDraft((column.name,), task, classes=values, missing=column.missing, reason=reason)


def _put_positive_last(label: LabelDraft, values: pa.ChunkedArray) -> LabelDraft:
    """Of two texts, class 1 is what a model is to find: the answer that is not `no`; otherwise a far rarer text."""
    if label.task is not TaskKind.BINARY:
        return label
    first, second = label.classes
    negative = [str(name).strip().casefold() in _NEGATIVE for name in (first, second)]
    if negative[0] != negative[1]:
        is_exchanged = negative[1]
    else:
        counts = {entry["values"]: entry["counts"] for entry in values.value_counts().to_pylist()}
        is_exchanged = 2 * counts[first] < counts[second]
    return replace(label, classes=(second, first)) if is_exchanged else label


def _draft_number(column: Column, table: pa.Table) -> LabelDraft:
    numbers = table[column.name].cast(pa.float64()).drop_null()
    numbers = numbers.filter(pc.is_finite(numbers))
    return LabelDraft(
        (column.name,),
        TaskKind.REGRESSION,
        "float64" if column.is_wide else "float32",
        missing=column.missing,
        mean=float(pc.mean(numbers).as_py()),
        std=float(pc.stddev(numbers).as_py()),
        reason="its values are numbers",
    )


def _draft_columns(columns: Sequence[Column]) -> LabelDraft:
    others = [
        column.name
        for column in columns
        if column.missing or not (column.kind is Kind.BOOL or tuple(column.values) == (0, 1))
    ]
    if others:
        raise FirelibError(
            f"expected columns of 0 and 1 for several labels, got others: {', '.join(map(repr, others))}",
            where="--label",
            remedy="name one column, or several of 0 and 1 (or true and false) without missing values",
        )
    names = tuple(column.name for column in columns)
    return LabelDraft(names, TaskKind.MULTILABEL, classes=names, reason="several columns of 0 and 1")


def _draft_lists(column: Column, table: pa.Table) -> LabelDraft:
    assert column.items
    items = column.items
    if column.kind is Kind.ARRAY and not column.missing and (items.kind is Kind.BOOL or tuple(items.values) == (0, 1)):
        names = tuple(f"{column.name}_{index}" for index in range(column.longest))
        return LabelDraft(
            (column.name,), TaskKind.MULTILABEL, classes=names, size=column.longest, reason="arrays of 0 and 1"
        )
    if column.kind is Kind.ARRAY and items.kind is Kind.NUMBER and not items.missing:
        values = pc.list_flatten(table[column.name]).cast(pa.float64())
        return LabelDraft(
            (column.name,),
            TaskKind.REGRESSION,
            "float32",
            missing=column.missing,
            mean=float(pc.mean(values).as_py()),
            std=float(pc.stddev(values).as_py()) or 1.0,
            size=column.longest,
            reason="its values are arrays of numbers",
        )
    if items.kind in (Kind.TEXT, Kind.INTEGER) and 1 < len(items.values) == items.distinct <= _MOST_LABELS:
        return LabelDraft(
            (column.name,),
            TaskKind.MULTILABEL,
            classes=items.values,
            missing=column.missing,
            reason="its values are lists of labels",
        )
    raise _refuse(
        column, f"holds lists with {items.distinct:,} distinct values", "choose a column of numbers or classes"
    )


def _split_labels(column: Column, table: pa.Table) -> LabelDraft | None:
    """Several labels in one text, such as `red|round`: few distinct parts, of which some texts have several."""
    if column.distinct < 3:
        return None
    texts = table[column.name].drop_null()
    for separator in _SEPARATORS:
        share = pc.mean(pc.match_substring(texts, separator).cast(pa.int8())).as_py()
        if share < 0.05:
            continue
        parts = pc.unique(pc.utf8_trim_whitespace(pc.list_flatten(pc.split_pattern(texts, separator))))
        labels = tuple(sorted(part for part in parts.to_pylist() if part))
        if 1 < len(labels) <= min(_MOST_LABELS, column.distinct) and not any(
            re.search(r"\s\S+\s", part) for part in labels
        ):
            reason = f"its values are labels with {separator!r} between them"
            return LabelDraft(
                (column.name,),
                TaskKind.MULTILABEL,
                classes=labels,
                separator=separator,
                missing=column.missing,
                reason=reason,
            )
    return None


def describe_counts(column: str, draft: LabelDraft, table: pa.Table) -> Mapping[str, int]:
    """Count the rows of each class.

    Args:
        column: The label's column.
        draft: The label; a class.
        table: The rows.
    """
    counts = table[column].drop_null().value_counts().to_pylist()
    return {str(entry["values"]): int(entry["counts"]) for entry in counts} if draft.classes else {}


def describe_alike(classes: Sequence[str]) -> list[str]:
    """Warn of classes that differ only by blanks or by case: a line, if there are any.

    Args:
        classes: Their names.
    """
    spellings = defaultdict[str, list[str]](list)
    for name in classes:
        spellings[" ".join(name.casefold().split())].append(name)
    alike = [" and ".join(map(repr, names)) for names in spellings.values() if len(names) > 1]
    if not alike:
        return []
    remedy = "if they are the same, unite them: transform reads the label before `classes` numbers it"
    return [f"classes that differ only by blanks or case: {'; '.join(alike[:5])}; {remedy}"]


def describe_rare(counts: Mapping[str, int]) -> list[str]:
    """Warn of classes with a single row: a line, if there are any.

    Args:
        counts: Class → number of rows.
    """
    single = sorted(name for name, count in counts.items() if count == 1)
    if not single:
        return []
    names = ", ".join(map(repr, single[:5])) + (f" and {len(single) - 5} more" if len(single) > 5 else "")
    return [f"classes with one row: {names}: a model cannot learn and be tested on them; remove or merge them"]
