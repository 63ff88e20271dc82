"""A recipe for somebody's table: what the model gets, what it predicts, and what identifies a row."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from firelib.recipe import TaskKind
from firelib.scaffold.data.structs import Structs
from firelib.scaffold.data.written import Call
from firelib.scaffold.features import FeatureDraft, LeftOut
from firelib.scaffold.label import LabelDraft, describe_alike

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
        structs: Column of objects → the columns of the data that are its fields.
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
    structs: Structs = field(default_factory=dict)
    calls: Mapping[str, Call] = field(default_factory=dict)
    picture: str = ""
    picture_shape: tuple[int, ...] = ()

    @property
    def key_function(self) -> str:
        """The function that adds `numbered`."""
        return "number_rows" if self.is_ordered else "hash_rows"


def describe_draft(draft: Draft) -> list[str]:
    """Say what was guessed, and how to change it: one line per guess."""
    label, lines = draft.label, []
    classes = f", {len(label.classes)} classes" if label.classes else ""
    lines.append(f"label: {', '.join(label.columns)} ({draft.label_reason})")
    lines.append(f"task: {label.task}{classes}: {label.reason}; change the declaration of `label` for another task")
    if label.task is TaskKind.BINARY and not label.is_numbered:
        zero, one = label.names
        lines.append(
            f"prediction: the probability of {one!r}, which is class 1; exchange the names in `classes` for that of "
            f"{zero!r}"
        )
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
    if draft.picture:
        height, width, channels = draft.picture_shape
        lines.append(
            f"pictures: scaled to {height} × {width} pixels, {'grey' if channels == 1 else 'colours'}; "
            "for another size, change all shapes in recipe.py"
        )
    renamed = [
        f"renamed: {column!r} to {new} (a model's inputs need plain names)" for column, new in draft.renamed.items()
    ]
    left_out = [f"left out: {each.column!r}: {each.reason}" for each in draft.left_out]
    for each in (renamed, left_out):
        lines += each[:_MOST_LINES] + ([f"and {len(each) - _MOST_LINES} more"] if len(each) > _MOST_LINES else [])
    return lines
