"""Draft the recipe for a table: find label, key, features and split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from firelib.errors import FirelibError
from firelib.recipe import RESERVED_COLUMNS
from firelib.scaffold.columns import Column, Kind, describe_table
from firelib.scaffold.data.duplicates import drop_copies
from firelib.scaffold.data.written import Reading
from firelib.scaffold.draft import Draft, WideColumns
from firelib.scaffold.features import FeatureDraft, LeftOut, draft_features, is_identifier, leave_out_group
from firelib.scaffold.key import find_key, find_time
from firelib.scaffold.label import LabelDraft, draft_label, find_label
from firelib.scaffold.names import rename_columns, unused
from firelib.scaffold.split.groups import find_deciding_group, find_group_columns
from firelib.scaffold.split.wish import BY_KEY, SplitWish, check_split_wish

_MOST_INPUTS = 100  # numbers beyond which they become one array: every input of a model costs time in each step
_MOST_COLUMNS = 20_000


@dataclass(frozen=True)
class _Table:
    """What is known of the table before anything is decided.

    Attributes:
        reading: The rows.
        labels: The columns of the label.
        columns: Column → its figures.
        names: Column → its name in the dataset.
    """

    reading: Reading
    labels: tuple[str, ...]
    columns: Mapping[str, Column]
    names: Mapping[str, str]

    @property
    def others(self) -> list[Column]:
        """The columns without the label."""
        return [column for column in self.columns.values() if column.name not in self.labels]

    @property
    def plain(self) -> list[Column]:
        """Those of the others that are as the source has them: nothing parses them, and nothing is unclear."""
        changed = {*self.reading.calls, *self.reading.unclear}
        return [column for column in self.others if column.name not in changed]


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
    rows = reading.table
    _check_table(rows)
    chosen, label_reason = find_label(rows.column_names, labels)
    _refuse_unclear(chosen, reading.unclear)
    columns = {column.name: column for column in describe_table(rows)}
    table = _Table(reading, tuple(chosen), columns, rename_columns(rows.column_names))
    label = draft_label([columns[column] for column in chosen], rows)
    check_split_wish(split, columns, chosen, rows)
    guess = "" if split.columns else find_deciding_group(table.plain)
    drafted, split = _draft_columns(table, label, split, guess, is_sample)
    key = () if is_sample else _find_key(table)
    groups, time = find_group_columns(table.plain), find_time(table.others)
    named = {*key, *groups[:1], *reading.calls, *split.columns, *([time] if time else [])}  # stay columns of their own
    features = _require_features(drafted, table, split)
    wide, features = _join_wide(features, [columns[name] for name in columns if name not in named], table, is_sample)
    names, sources = table.names, {feature.column for feature in features}
    taken = {*(each.lower() for each in names.values()), *(feature.name.lower() for feature in features)}
    numbered = "" if key else unused("row", taken)
    calls = {column: call for column, call in reading.calls.items() if column in {*sources, *chosen, *split.columns}}
    used = sources | (named - reading.calls.keys()) | {*chosen, *calls} | set(wide.columns if wide else ())
    return Draft(
        name=name,
        rows=rows.num_rows,
        columns=rows.num_columns,
        is_sample=is_sample,
        features=tuple(features),
        left_out=tuple(part for part in drafted.values() if isinstance(part, LeftOut)),
        label=label,
        label_name=names[chosen[0]] if len(chosen) == 1 else unused("labels", taken),
        label_reason=label_reason,
        key=tuple(names[column] for column in key) or (numbered,),
        numbered=numbered,
        is_ordered=is_ordered,
        renamed={old: new for old, new in names.items() if old != new and old in used},
        dates=tuple(names[each.name] for each in table.others if each.kind is Kind.TIME and each.name in sources),
        wide=wide,
        groups=tuple(names[column] for column in groups),
        time=names[time] if time else None,
        split_by=tuple(names[column] for column in split.by),
        split_time=names[split.time] if split.time else "",
        is_split_guessed=split.by == (guess,),
        calls={names[column]: call for column, call in calls.items()},
    )


def _find_key(table: _Table) -> tuple[str, ...]:
    """The key; rows that are equal in all columns count once, because transform sets the others aside."""
    rows = table.reading.table
    different = drop_copies(rows)
    if different is rows:
        return find_key(table.plain, rows)
    names = {column.name for column in table.plain}
    return find_key([column for column in describe_table(different) if column.name in names], different)


def _draft_columns(
    table: _Table, label: LabelDraft, split: SplitWish, guess: str, is_sample: bool
) -> tuple[dict[str, list[FeatureDraft] | LeftOut], SplitWish]:
    """Decide what the model gets of each column, and whether the group that was found decides the split."""
    labelled = {column.name: column for column in describe_table(_drop_without_label(table, label))}
    drafted = {
        column.name: _leave_out_unclear(column, table.reading.unclear)
        or leave_out_group(column, split.by)
        or draft_features(labelled[column.name], table.names[column.name], is_sample)
        for column in table.others
    }
    has_features = any(not isinstance(part, LeftOut) for name, part in drafted.items() if name != guess)
    if not guess or not has_features:
        return drafted, split
    split = SplitWish((guess,))
    return {**drafted, guess: leave_out_group(table.columns[guess], split.by) or drafted[guess]}, split


def _drop_without_label(table: _Table, label: LabelDraft) -> pa.Table:
    """The rows that have a label: the others are excluded, so what they lack is not missing in training."""
    rows = table.reading.table
    if not label.missing:
        return rows
    values = rows[table.labels[0]]
    return rows.filter(pc.invert(pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))))


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
    drafted: Mapping[str, list[FeatureDraft] | LeftOut], table: _Table, split: SplitWish
) -> list[FeatureDraft]:
    """The features; where only identifiers remain, the first of these as a word or a number."""
    if features := [feature for part in drafted.values() if not isinstance(part, LeftOut) for feature in part]:
        return features
    others = [column for column in table.others if column.name not in split.by]
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
    return [FeatureDraft(table.names[column.name], arguments, "the only column that varies", column.name)]


def _join_wide(
    features: list[FeatureDraft], columns: Sequence[Column], table: _Table, is_sample: bool
) -> tuple[WideColumns | None, list[FeatureDraft]]:
    by_name = {column.name: column for column in columns if column.is_number or column.kind is Kind.BOOL}
    numbers = [each for each in features if each.column in by_name]
    if len(numbers) <= _MOST_INPUTS:
        return None, features
    joined = [by_name[each.column] for each in numbers]
    is_nullable = is_sample or any(column.missing for column in joined)
    dtype = "float64" if any(column.is_wide for column in joined) else "float32"
    name = unused("numbers", {each.lower() for each in table.names.values()})
    wide = WideColumns(name, tuple(column.name for column in joined), is_nullable, dtype)
    null = ", nullable=True" if is_nullable else ""
    array = FeatureDraft(name, f'"{dtype}", shape=({len(joined)},){null}', f"{len(joined):,} columns of numbers")
    return wide, [array, *(each for each in features if each not in numbers)]
