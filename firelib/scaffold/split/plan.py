"""The split of a new project: section `data.split` of params.yaml, and what the terminal says about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from firelib.data.frames.pandas_frames import preview_frame
from firelib.recipe import hash_rows
from firelib.scaffold.draft import Draft
from firelib.scaffold.split.shares import choose_group_shares, choose_key_shares
from firelib.scaffold.split.times import choose_cuts
from firelib.scaffold.split.wish import count_missing

_CUTS = ("validation_from", "test_from")


@dataclass(frozen=True)
class SplitPlan:
    """How the rows are divided.

    Attributes:
        section: Section `data.split`: shares, or cut dates.
        cuts: The cut dates that would replace shares if the user chose the time; empty without a column of times.
    """

    section: Mapping[str, Any]
    cuts: Mapping[str, Any]

    def render(self) -> str:
        """The lines of params.yaml below `split:`."""
        lines = [f"{name}: {_to_yaml(value)}" for name, value in self.section.items()]
        if self.cuts:
            lines.append("# with split_time in recipe.py, these cut dates instead of the shares:")
            lines += [f"# {name}: {_to_yaml(value)}" for name, value in self.cuts.items()]
        return "\n".join(f"    {line}" for line in lines)


def plan_split(draft: Draft, table: pa.Table, parsed: pa.Table) -> SplitPlan:
    """Choose shares or cut dates that leave no split empty.

    Args:
        draft: Names the columns that decide.
        table: The rows as they are in the data.
        parsed: The same rows as `prepare` makes them: with written numbers and dates parsed.

    Raises:
        FirelibError: No choice gives each split a row.
    """
    has_label = parsed[draft.label.columns[0]].is_valid()
    rows, parsed = table.filter(has_label), parsed.filter(has_label)
    old = {new: name for name, new in draft.renamed.items()}
    time = draft.split_time or draft.time
    values = parsed[old.get(time, time)] if time else None
    cuts = choose_cuts(values) if values is not None and not count_missing(values) else None
    dates = dict(zip(_CUTS, cuts, strict=True)) if cuts else {}
    if draft.split_time:
        return SplitPlan(dates, {})
    if draft.split_by:
        return SplitPlan(choose_group_shares(_select(parsed, draft.split_by, old)), dates)
    if draft.numbered and not draft.is_ordered:
        hashed = hash_rows(preview_frame(rows), draft.numbered)
        keys = pa.table({draft.numbered: pa.chunked_array([pa.array(hashed[draft.numbered])])})
    elif draft.numbered:
        numbers = pa.chunked_array([pa.array(range(table.num_rows), pa.int64())])
        keys = pa.table({draft.numbered: numbers}).filter(has_label)
    else:
        keys = _select(parsed, draft.key, old)
    return SplitPlan(choose_key_shares(keys), dates)


def _select(rows: pa.Table, columns: tuple[str, ...], old: Mapping[str, str]) -> pa.Table:
    return rows.select([old.get(name, name) for name in columns])


def describe_split(draft: Draft, plan: SplitPlan) -> list[str]:
    """Say what decides the split, and how to let a group or a time decide.

    Args:
        draft: Names the columns.
        plan: The split.
    """
    part = f" of the first {draft.rows:,} rows: check them" if draft.is_sample else ""
    if draft.split_time:
        first, last = plan.section.values()
        return [f"split: by time: training before {first}, test from {last}{part}"]
    lines = []
    if draft.is_split_guessed:
        name = draft.split_by[0]
        lines.append(
            f"split: by group: {name} looks like an identifier that several rows share, so all rows of one {name} are "
            f"in the same split, and {name} is no feature. If the model will meet the same ones again, remove split_by "
            f"from recipe.py, and add a Feature for {name} there"
        )
    elif draft.split_by:
        lines.append(f"split: by group: all rows of one {' and '.join(draft.split_by)} are in the same split")
    elif draft.groups:
        lines.append(
            f"group: {', '.join(draft.groups)}: several rows share a value. If new ones will come, keep their rows "
            f"together: --split-by {draft.groups[0]}, or uncomment split_by in recipe.py"
        )
    if plan.cuts and not draft.split_by:
        lines.append(
            f"time: {draft.time}. To test on the latest rows: --split-time {draft.time}, or uncomment split_time in "
            "recipe.py and the cut dates in params.yaml"
        )
    return lines


def _to_yaml(value: Any) -> str:
    """Dates and times in quotes, since DVC cannot read YAML's own."""
    return f'"{value}"' if isinstance(value, str) else str(value)
