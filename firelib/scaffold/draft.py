"""Draft a recipe from a table: what the model gets, what it predicts, and what identifies a row."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from firelib.errors import FirelibError
from firelib.recipe import RESERVED_COLUMNS
from firelib.scaffold.columns import Column, Kind, describe_table
from firelib.scaffold.data.written import Call, Reading
from firelib.scaffold.features import (
    FeatureDraft,
    LeftOut,
    draft_features,
    is_identifier,
    leave_out_group,
)
from firelib.scaffold.key import find_key, find_time
from firelib.scaffold.label import LabelDraft, describe_alike, draft_label, find_label
from firelib.scaffold.names import rename_columns, unused
from firelib.scaffold.split.groups import find_deciding_group, find_group_columns
from firelib.scaffold.split.wish import BY_KEY, SplitWish, check_split_wish

_MOST_INPUTS = 100  # numbers beyond which they become one array: every input of a model costs time in each step
_MOST_COLUMNS = 20_000
_MOST_LINES = 12


@dataclass(frozen=True)
class WideColumns:
    """Many columns of numbers that become one array.

    Attributes:
        name: Name of the feature.
        columns: The columns.
        is_nullable: Whether values may be missing.
        dtype: Dtype of the array.
    """

    name: str
    columns: tuple[str, ...]
    is_nullable: bool
    dtype: str

    @property
    def pattern(self) -> tuple[str, int, int] | None:
        """(prefix, first, last) of names such as x0, x1, …; None of others."""
        found = [re.fullmatch(r"(.*?)(0|[1-9]\d*)", column) for column in self.columns]
        parts = [(match[1], int(match[2])) for match in found if match]
        if len(parts) < len(self.columns) or any(a[0] != b[0] or b[1] != a[1] + 1 for a, b in pairwise(parts)):
            return None
        return parts[0][0], parts[0][1], parts[-1][1]


@dataclass(frozen=True)
class Draft:
    """A recipe for one table.

    Attributes:
        name: Name of the recipe.
        rows: Number of rows that were looked at.
        columns: Number of columns.
        is_sample: Whether there are more rows.
        features: The features.
        left_out: The columns that are none, with the reasons.
        label: The label.
        label_name: Its name in the dataset.
        label_reason: How it was found.
        key: The columns of the key; `numbered` is one that transform adds.
        numbered: Name of the column with the number or the hash of the row; empty if other columns identify it.
        is_ordered: Whether rows have an order of their own, so that transform can number them.
        renamed: Column → its name in the dataset, where that differs.
        dates: Columns whose parts are features, by the names in the dataset.
        wide: Columns of numbers that become an array.
        groups: Columns that several rows share, such as a customer.
        time: Column with the time of a row.
        split_by: Columns of the group that decides the split, by the names in the dataset; empty if none does.
        split_time: Column of the time that decides the split; empty if none does.
        is_split_guessed: Whether firelib found `split_by`, and the user did not name it.
        calls: Column, by its name in the dataset → what parses its text.
        picture: Name of the feature that is a picture; empty if there is none.
        picture_shape: Height, width and channels of the pictures.
    """

    name: str
    rows: int
    columns: int
    is_sample: bool
    features: tuple[FeatureDraft, ...]
    left_out: tuple[LeftOut, ...]
    label: LabelDraft
    label_name: str
    label_reason: str
    key: tuple[str, ...]
    numbered: str = ""
    is_ordered: bool = True
    renamed: Mapping[str, str] = field(default_factory=dict)
    dates: tuple[str, ...] = ()
    wide: WideColumns | None = None
    groups: tuple[str, ...] = ()
    time: str | None = None
    split_by: tuple[str, ...] = ()
    split_time: str = ""
    is_split_guessed: bool = False
    calls: Mapping[str, Call] = field(default_factory=dict)
    picture: str = ""
    picture_shape: tuple[int, ...] = ()

    @property
    def key_function(self) -> str:
        """The function that adds `numbered`."""
        return "number_rows" if self.is_ordered else "hash_rows"


def draft_recipe(
    reading: Reading,
    name: str,
    labels: Sequence[str],
    is_sample: bool = False,
    split: SplitWish = BY_KEY,
    is_ordered: bool = True,
) -> Draft:
    """Draft the recipe for a table of numbers, words, texts, times and lists.

    Args:
        reading: The rows, with written numbers and dates parsed.
        name: Name of the recipe.
        labels: Columns of the label; empty lets firelib guess.
        is_sample: Whether the source has more rows than the table.
        split: What decides the split; the hash of the key if it names no columns.
        is_ordered: Whether the rows have an order of their own.

    Raises:
        FirelibError: There is no row, or no column but the label; the label is unknown, constant or of no known task;
            columns cannot decide the split; or there are too many columns.
    """
    table = reading.table
    _check_table(table)
    chosen, label_reason = find_label(table.column_names, labels)
    columns = describe_table(table)
    by_name = {column.name: column for column in columns}
    _refuse_unclear(chosen, reading.unclear)
    label = draft_label([by_name[column] for column in chosen], table)
    check_split_wish(split, by_name, chosen, table)
    others = [column for column in columns if column.name not in chosen]
    names = rename_columns(table.column_names)
    plain = [column for column in others if column.name not in reading.calls and column.name not in reading.unclear]
    key = () if is_sample else find_key(plain, table)
    groups, time = find_group_columns(plain), find_time(others)
    guess = "" if split.columns else find_deciding_group(plain)
    labelled = {column.name: column for column in describe_table(_drop_without_label(table, chosen, label))}
    drafted = {
        column.name: _leave_out_unclear(column, reading.unclear)
        or leave_out_group(column, split.by)
        or draft_features(labelled[column.name], names[column.name], is_sample)
        for column in others
    }
    if any(not isinstance(part, LeftOut) for column, part in drafted.items() if guess not in ("", column)):
        split = SplitWish((guess,))
        drafted[guess] = leave_out_group(by_name[guess], split.by) or drafted[guess]
    left_out = [each for each in drafted.values() if isinstance(each, LeftOut)]
    features = [each for part in drafted.values() if not isinstance(part, LeftOut) for each in part]
    features = _require_features(features, [column for column in others if column.name not in split.by], names)
    named = {*key, *groups[:1], *reading.calls, *split.columns, *([time] if time else [])}  # stay columns of their own
    wide, features = _join_wide(features, [by_name[name] for name in by_name if name not in named], names, is_sample)
    taken = {*(each.lower() for each in names.values()), *(feature.name.lower() for feature in features)}
    numbered = "" if key else unused("row", taken)
    label_name = names[chosen[0]] if len(chosen) == 1 else unused("labels", taken)
    sources = {feature.column for feature in features}
    calls = {column: call for column, call in reading.calls.items() if column in sources | {*chosen, *split.columns}}
    used = sources | (named - reading.calls.keys()) | {*chosen, *calls} | set(wide.columns if wide else ())
    return Draft(
        name,
        table.num_rows,
        table.num_columns,
        is_sample,
        tuple(features),
        tuple(left_out),
        label,
        label_name,
        label_reason,
        tuple(names[column] for column in key) or (numbered,),
        numbered,
        is_ordered,
        {old: new for old, new in names.items() if old != new and old in used},
        tuple(names[column.name] for column in others if column.kind is Kind.TIME and column.name in sources),
        wide,
        tuple(names[column] for column in groups),
        names[time] if time else None,
        tuple(names[column] for column in split.by),
        names[split.time] if split.time else "",
        split.by == (guess,),
        {names[column]: call for column, call in calls.items()},
    )


def _drop_without_label(table: pa.Table, labels: Sequence[str], draft: LabelDraft) -> pa.Table:
    """The rows that have a label: the others are excluded, so what they lack is not missing in training."""
    if not draft.missing:
        return table
    mask = pc.invert(pc.is_null(table[labels[0]], nan_is_null=pa.types.is_floating(table.schema.field(labels[0]).type)))
    return table.filter(mask)


def _refuse_unclear(labels: Sequence[str], unclear: Mapping[str, str]) -> None:
    for name in labels:
        if name in unclear:
            raise FirelibError(
                f"the label {name!r} cannot be read: {unclear[name]}",
                where="--label",
                remedy="write its values in one plain notation, or choose another label: --label COLUMN",
            )


def _leave_out_unclear(column: Column, unclear: Mapping[str, str]) -> LeftOut | None:
    return LeftOut(column.name, unclear[column.name]) if column.name in unclear else None


def _check_table(table: pa.Table) -> None:
    if table.num_rows < 3:
        raise FirelibError(
            f"expected rows for training, validation and test, got {table.num_rows}",
            where="--from",
            remedy="pass data with more rows: 3 at least, and hundreds for a model that is worth something",
        )
    if table.num_columns < 2:
        raise FirelibError(
            f"expected a column for the label and others for the model, got {table.num_columns}: {table.column_names}",
            where="--from",
            remedy="check the delimiter of the file, and that its first line names the columns",
        )
    if table.num_columns > _MOST_COLUMNS:
        raise FirelibError(
            f"expected at most {_MOST_COLUMNS:,} columns, got {table.num_columns:,}",
            where="--from",
            remedy="write the numbers of a row into one column, as a list in a Parquet file",
        )
    reserved = sorted(RESERVED_COLUMNS & set(table.column_names))
    if reserved:
        raise FirelibError(
            f"columns have names that are reserved for firelib's own: {', '.join(reserved)}",
            where="--from",
            remedy="rename these columns in the data",
        )


def _require_features(
    features: list[FeatureDraft], others: Sequence[Column], names: Mapping[str, str]
) -> list[FeatureDraft]:
    """The features; where only identifiers remain, these as words or numbers."""
    if features:
        return features
    identifiers = [column for column in others if is_identifier(column) and not column.is_constant]
    if not identifiers:
        raise FirelibError(
            "no column but the label says anything about a row",
            where="--from",
            remedy="pass data with a column that varies: "
            + ", ".join(column.name for column in others[:5])
            + " do not",
        )
    column = identifiers[0]
    arguments = '"string"' if column.kind is Kind.TEXT else '"float32"'
    return [FeatureDraft(names[column.name], arguments, "the only column that varies", column.name)]


def _join_wide(
    features: list[FeatureDraft], columns: Sequence[Column], names: Mapping[str, str], is_sample: bool
) -> tuple[WideColumns | None, list[FeatureDraft]]:
    by_name = {column.name: column for column in columns if column.is_number or column.kind is Kind.BOOL}
    numbers = [each for each in features if each.column in by_name]
    if len(numbers) <= _MOST_INPUTS:
        return None, features
    joined = [by_name[each.column] for each in numbers]
    is_nullable = is_sample or any(column.missing for column in joined)
    dtype = "float64" if any(column.is_wide for column in joined) else "float32"
    name = unused("numbers", {each.lower() for each in names.values()})
    wide = WideColumns(name, tuple(column.name for column in joined), is_nullable, dtype)
    null = ", nullable=True" if is_nullable else ""
    array = FeatureDraft(name, f'"{dtype}", shape=({len(joined)},){null}', f"{len(joined):,} columns of numbers")
    return wide, [array, *(each for each in features if each not in numbers)]


def describe_draft(draft: Draft) -> list[str]:
    """Say what was guessed, and how to change it: one line per guess."""
    label, lines = draft.label, []
    classes = f", {len(label.classes)} classes" if label.classes else ""
    lines.append(f"label: {', '.join(label.columns)} ({draft.label_reason})")
    lines.append(f"task: {label.task}{classes}: {label.reason}; change the declaration of `label` for another task")
    if draft.is_sample and label.classes:
        lines.append(
            f"classes: those of the first {draft.rows:,} rows; rows of others are excluded as `no label` and counted: "
            "add missing classes to `classes` in recipe.py"
        )
    lines += describe_alike(label.names)
    if label.missing:
        rows = "1 row, which is" if label.missing == 1 else f"{label.missing:,} rows, which are"
        lines.append(f"no label: {rows} excluded")
    if draft.numbered and draft.is_ordered:
        lines.append("key: no column identifies a row, so transform numbers them; name columns in `key` if some do")
    elif draft.numbered:
        lines.append(
            "key: no column identifies a row, so transform hashes all its values (a changed row may change its split); "
            "name columns in `key` if some do"
        )
    else:
        lines.append(f"key: {', '.join(draft.key)} (unique in the data)")
    renamed = [
        f"renamed: {column!r} to {new} (a model's inputs need plain names)" for column, new in draft.renamed.items()
    ]
    left_out = [f"left out: {each.column!r}: {each.reason}" for each in draft.left_out]
    for each in (renamed, left_out):
        lines += each[:_MOST_LINES] + ([f"and {len(each) - _MOST_LINES} more"] if len(each) > _MOST_LINES else [])
    return lines
