"""Draft the recipe for a table: find label, key, features and split."""

from collections.abc import Mapping, Sequence, Set
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
    decided = _decide(reading, labels, is_sample, split)
    return _assemble(decided, name, is_sample, is_ordered)


@dataclass(frozen=True)
class _Decisions:
    """What each column is for.

    Attributes:
        table: The table.
        label: The label.
        label_reason: Why that is the label.
        split: What decides the split.
        is_split_guessed: Whether firelib found the group that does.
        drafted: Column → its features, or why it has none.
        features: All features of the model.
        wide: Numbers that one array holds.
        roles: What columns are beside features.
        named: Columns that stay columns of their own.
    """

    table: "_Table"
    label: LabelDraft
    label_reason: str
    split: SplitWish
    is_split_guessed: bool
    drafted: Mapping[str, list[FeatureDraft] | LeftOut]
    features: Sequence[FeatureDraft]
    wide: WideColumns | None
    roles: "_Roles"
    named: Set[str]


def _decide(reading: Reading, labels: Sequence[str], is_sample: bool, split: SplitWish) -> _Decisions:
    table, label, reason = _describe(reading, labels)
    check_split_wish(split, table.columns, table.labels, reading.table)
    guess = "" if split.columns else find_deciding_group(table.plain)
    drafted, split = _draft_columns(table, label, split, guess, is_sample)
    roles = _find_roles(table, is_sample)
    features = _require_features(drafted, table, split)
    named = {*roles.key, *roles.groups[:1], *reading.calls, *split.columns, *([roles.time] if roles.time else [])}
    joinable = [column for name, column in table.columns.items() if name not in named]
    wide, features = _join_wide(features, joinable, table, is_sample)
    return _Decisions(table, label, reason, split, split.by == (guess,), drafted, features, wide, roles, named)


def _assemble(decided: _Decisions, name: str, is_sample: bool, is_ordered: bool) -> Draft:
    """The draft, with the names that columns have in the dataset."""
    table, split, roles, wide = decided.table, decided.split, decided.roles, decided.wide
    names = _Names(table, decided.features)
    sources = {feature.column for feature in decided.features}
    parsed = {*sources, *table.labels, *split.columns}
    calls = {column: call for column, call in table.reading.calls.items() if column in parsed}
    used = {*sources, *(decided.named - table.reading.calls.keys()), *table.labels, *calls}
    used |= set(wide.columns if wide else ())
    numbered = "" if roles.key else names.unused("row")
    return Draft(
        name=name,
        rows=table.reading.table.num_rows,
        columns=table.reading.table.num_columns,
        is_sample=is_sample,
        features=tuple(decided.features),
        left_out=tuple(part for part in decided.drafted.values() if isinstance(part, LeftOut)),
        label=decided.label,
        label_name=names.of(table.labels)[0] if len(table.labels) == 1 else names.unused("labels"),
        label_reason=decided.label_reason,
        key=names.of(roles.key) or (numbered,),
        numbered=numbered,
        is_ordered=is_ordered,
        renamed={old: new for old, new in table.names.items() if old != new and old in used},
        dates=names.of([each.name for each in table.others if each.kind is Kind.TIME and each.name in sources]),
        wide=wide,
        groups=names.of(roles.groups),
        time=table.names[roles.time] if roles.time else None,
        split_by=names.of(split.by),
        split_time=table.names[split.time] if split.time else "",
        is_split_guessed=decided.is_split_guessed,
        structs={name: fields for name, fields in table.reading.structs.items() if used & {*fields}},
        calls={table.names[column]: call for column, call in calls.items()},
    )


@dataclass(frozen=True)
class _Roles:
    """What columns are beside features.

    Attributes:
        key: They identify a row; empty if rows must be numbered.
        groups: Each may be a group whose rows belong together.
        time: It has the time of a row.
    """

    key: tuple[str, ...]
    groups: Sequence[str]
    time: str | None


def _find_roles(table: _Table, is_sample: bool) -> _Roles:
    """Of a sample, no columns are known to identify the rows."""
    key = () if is_sample else _find_key(table)
    return _Roles(key, find_group_columns(table.plain), find_time(table.others))


class _Names:
    """Names in the dataset."""

    def __init__(self, table: _Table, features: Sequence[FeatureDraft]) -> None:
        self._names = table.names
        self._taken = {*(name.lower() for name in table.names.values()), *(each.name.lower() for each in features)}

    def of(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The names of columns."""
        return tuple(self._names[column] for column in columns)

    def unused(self, name: str) -> str:
        """A name for a new column, which no other one has."""
        return unused(name, self._taken)


def _describe(reading: Reading, labels: Sequence[str]) -> tuple[_Table, LabelDraft, str]:
    """The table, its label, and why that is the label."""
    rows = reading.table
    _check_table(rows)
    chosen, reason = find_label(rows.column_names, labels)
    _refuse_unclear(chosen, reading.unclear)
    columns = {column.name: column for column in describe_table(rows)}
    label = draft_label([columns[column] for column in chosen], rows)
    return _Table(reading, tuple(chosen), columns, rename_columns(rows.column_names)), label, reason


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
