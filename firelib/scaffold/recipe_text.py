"""The Python text of a drafted recipe."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from firelib.recipe import TaskKind
from firelib.scaffold.data.written import Call
from firelib.scaffold.draft import Draft, WideColumns
from firelib.scaffold.features import FeatureDraft
from firelib.scaffold.label import LabelDraft
from firelib.scaffold.model_text import render_model

_MOST_FEATURE_LINES = 24  # beyond it, features of the same declaration share a line
_WIDTH = 116


def render_recipe(draft: Draft, source: str, origin: str) -> str:
    """Render a recipe.

    Args:
        draft: What the recipe says.
        source: The source, as a Python expression.
        origin: What the data are called, for the first line.
    """
    imports = sorted({"Feature", "Source", *_helpers(draft), *(["CsvDialect"] if "CsvDialect(" in source else [])})
    blocks = [
        "\n".join(_render_head(draft, origin)),
        f"from firelib.recipe import {', '.join(sorted(imports, key=lambda name: (name.islower(), name)))}",
        "\n".join(_render_declarations(draft, source)),
        "\n".join(_render_prepare(draft)),
        "\n".join(_render_transform(draft)),
        "\n".join(_render_exclude(draft)),
    ]
    text = "\n\n".join(block for block in blocks[:3]) + "\n"
    text += "".join(f"\n\n{block}\n" for block in blocks[3:] if block)
    return f"{text}\n\n{render_model(draft)}"


def quote(text: Any) -> str:
    """A Python literal of a text, in double quotes; of another value, its usual form."""
    return json.dumps(text, ensure_ascii=False) if isinstance(text, str) else repr(text)


def _helpers(draft: Draft) -> Iterator[str]:
    if any(_row_functions(draft)):
        yield "rows"
    yield from sorted({call.function for call in draft.calls.values()})
    if draft.structs:
        yield "flatten_structs"
    if draft.dates:
        yield "add_date_parts"
    if draft.numbered:
        yield draft.key_function
    if _needs_flags(draft.label):
        yield "flag_labels"
    if _needs_classes(draft.label):
        yield "number_classes"
    if draft.picture:
        yield "decode_pictures"


def _render_head(draft: Draft, origin: str) -> Iterator[str]:
    label = _escape(", ".join(draft.label.columns[:5]))
    rows = f"{draft.rows:,} rows" if not draft.is_sample else f"the first {draft.rows:,} rows"
    yield f'"""Predict {label}: {draft.label.task}.'
    yield ""
    yield f"`firelib init` wrote this recipe for {_escape(origin)} ({rows}, {draft.columns:,} columns)."
    yield "It is yours to change. Then run firelib sync, which follows the recipe in dvc.yaml, and firelib run."
    if draft.left_out:
        yield ""
        yield "Columns that are no features (add a Feature to use one after all):"
        yield from (f"- {_escape(each.column)}: {_escape(each.reason)}" for each in draft.left_out[:20])
        if len(draft.left_out) > 20:
            yield f"- and {len(draft.left_out) - 20} more"
    yield '"""'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''").rstrip('"')


def _render_declarations(draft: Draft, source: str) -> Iterator[str]:
    label = draft.label
    yield f"name = {quote(draft.name)}  # folder below data/, models/, metrics/ and plots/"
    yield f'sources = {{"rows": {source}}}'
    yield "features = ("
    yield from _render_features(draft.features)
    yield ")"
    yield f"label = Feature({quote(draft.label_name)}, {_label_arguments(label)})  # {_describe_label(label)}"
    if label.classes and not label.is_numbered:
        yield from _call("classes = (", _items(label.names), ")")
    yield f"key = ({_join(draft.key)})  # {_describe_key(draft)}"
    yield from _render_splits(draft)
    yield f"parameters = {_parameters(draft)}  # section `model` of params.yaml overrides them"


def _join(values: Iterable[Any]) -> str:
    return ", ".join(_items(values))


def _items(values: Iterable[Any]) -> list[str]:
    """Items of a tuple; one alone needs a comma."""
    items = [quote(value) for value in values]
    return [f"{items[0]},"] if len(items) == 1 else items


def _render_features(features: Sequence[FeatureDraft]) -> Iterator[str]:
    groups = defaultdict[str, list[FeatureDraft]](list)
    for feature in features:
        groups[feature.arguments].append(feature)
    is_long = len(features) > _MOST_FEATURE_LINES
    for feature in features:
        alike = groups[feature.arguments]
        if not is_long or len(alike) < 5:
            comment = f"  # {feature.comment}" if feature.comment else ""
            yield f"    Feature({quote(feature.name)}, {feature.arguments}),{comment}"
        elif feature is alike[0]:
            before = f"*(Feature(column, {feature.arguments}) for column in ("
            yield from (f"    {line}" for line in _call(before, [quote(each.name) for each in alike], ")),"))


def _label_arguments(label: LabelDraft) -> str:
    if label.task is TaskKind.MULTILABEL:
        return f'"int8", shape=({len(label.classes)},), range=(0, 1)'
    if label.classes:
        return f'"int64", range=(0, {len(label.classes) - 1})'
    return f'"{label.dtype}"' + (f", shape=({label.size},)" if label.size else "")


def _describe_label(label: LabelDraft) -> str:
    if label.task is TaskKind.MULTILABEL:
        return "which labels a row has; for one label, declare a scalar"
    if label.classes:
        return "a class; for a number to estimate, declare a float without a range"
    return "a number to estimate; for a class, declare an integer with range=(0, classes - 1)"


def _describe_key(draft: Draft) -> str:
    if draft.numbered:
        verb = "numbers them" if draft.is_ordered else "hashes all its values"
        return f"no column identifies a row, so transform {verb}"
    return f"identifies a row; its hash decides the {'order' if draft.split_by or draft.split_time else 'split'}"


def _render_splits(draft: Draft) -> Iterator[str]:
    by, time = draft.split_by or draft.groups[:1], draft.split_time or draft.time
    if by:
        comment = "" if draft.split_by else "# "
        yield f"{comment}split_by = ({_join(by)})  # puts all rows of a group into the same split"
    if time:
        comment = "" if draft.split_time else "# "
        yield f"{comment}split_time = {quote(time)}  # trains on the past, tests on the future; cuts: params.yaml"


def _parameters(draft: Draft) -> str:
    if draft.picture:
        return '{"filters": [32, 64], "dense": 128}'
    return '{"hidden": [128, 64], "embedding": 16, "dropout": 0.0}'


def _render_prepare(draft: Draft) -> Iterator[str]:
    steps = list(_prepare_steps(draft))
    if steps:
        *before, last = steps
        yield "@rows"
        yield "def prepare(rows):  # raw columns to features; firelib predict does the same"
        yield from (f"    {line}" for line in before)
        yield from (
            ["    return " + last.removeprefix("rows = ")]
            if last.startswith("rows = ")
            else [f"    {last}", "    return rows"]
        )


def _prepare_steps(draft: Draft) -> Iterator[str]:
    if draft.structs:
        yield from _call("rows = flatten_structs(", ["rows", *map(quote, draft.structs)], ")")
    if draft.wide:
        yield from _render_wide(draft.wide)
    if draft.renamed:
        yield from _call(
            "rows = rows.rename(columns={", [f"{quote(a)}: {quote(b)}" for a, b in draft.renamed.items()], "})"
        )
    yield from _render_calls(draft)
    if draft.picture:
        yield f"rows = decode_pictures(rows, {quote(draft.picture)}, {draft.picture_shape})"
    if draft.dates:
        yield from _call("rows = add_date_parts(", ["rows", *map(quote, draft.dates)], ")")


def _render_calls(draft: Draft) -> Iterator[str]:
    columns = defaultdict[Call, list[str]](list)
    for name, call in draft.calls.items():
        columns[call].append(name)
    for call, names in columns.items():
        options = [f"{option}={quote(value)}" for option, value in call.options]
        yield from _call(f"rows = {call.function}(", ["rows", *map(quote, names), *options], ")")


def _call(before: str, items: Sequence[str], after: str) -> Iterator[str]:
    """A line of Python with a list of items; several lines if it is long, never broken inside an item."""
    line = f"{before}{', '.join(items)}{after}"
    if len(line) <= _WIDTH - 4:
        yield line
        return
    yield before
    yield from (f"    {part}" for part in _fill(items))
    yield after


def _fill(items: Sequence[str]) -> Iterator[str]:
    """Lines with as many items as fit, each followed by a comma."""
    line = ""
    for item in items:
        if line and len(line) + len(item) + 2 > _WIDTH - 8:
            yield line
            line = ""
        line = f"{line} {item}," if line else f"{item},"
    if line:
        yield line


def _render_wide(wide: WideColumns) -> Iterator[str]:
    pattern = wide.pattern
    if pattern:
        prefix, first, last = pattern
        name = quote(prefix.replace("{", "{{").replace("}", "}}") + "{number}")
        yield f"columns = [f{name} for number in range({first}, {last + 1})]"
    else:
        yield from _call("columns = [", list(map(quote, wide.columns)), "]")
    yield f'numbers = rows[columns].astype("float64").to_numpy(dtype="{wide.dtype}", na_value=float("nan"))'
    yield "rows = rows.drop(columns=columns)"
    yield f"rows[{quote(wide.name)}] = list(numbers)"


def _render_transform(draft: Draft) -> Iterator[str]:
    steps = list(_label_steps(draft))
    if steps:
        yield "@rows"
        yield "def add_label(rows):"
        yield "    rows = rows.copy()"
        yield from (f"    {step}" for step in steps)
        yield "    return rows"
        yield ""
        yield ""
    yield "def transform(tables):  # Dask dataframes in, one Dask dataframe out"
    column = f", {quote(draft.numbered)}" if draft.numbered != "row" else ""
    result = f'{draft.key_function}(tables["rows"]{column})' if draft.numbered else 'tables["rows"]'
    for function in _row_functions(draft):
        result = f"{function}({result})"
    yield f"    return {result}"


def _row_functions(draft: Draft) -> Iterator[str]:
    """The functions of the recipe that are marked with `rows`, in their order."""
    if any(_prepare_steps(draft)):
        yield "prepare"
    if any(_label_steps(draft)):
        yield "add_label"


def _needs_classes(label: LabelDraft) -> bool:
    return label.task is not TaskKind.MULTILABEL and bool(label.classes) and not label.is_numbered


def _needs_flags(label: LabelDraft) -> bool:
    return label.task is TaskKind.MULTILABEL and not _is_array(label) and len(label.columns) == 1


def _label_steps(draft: Draft) -> Iterator[str]:
    label, name = draft.label, quote(draft.label_name)
    values = "classes" if label.names == label.classes else f"({_join(label.classes)})"
    if label.task is TaskKind.MULTILABEL and len(label.columns) > 1:
        columns = [draft.renamed.get(column, column) for column in label.columns]
        yield f'rows[{name}] = rows[[{", ".join(map(quote, columns))}]].astype("int8").to_numpy().tolist()'
    elif _needs_flags(label):
        separator = f", {quote(label.separator)}" if label.separator else ""
        yield f"rows[{name}] = flag_labels(rows[{name}], {values}{separator})"
    elif _needs_classes(label):
        yield f"rows[{name}] = number_classes(rows[{name}], {values})"


def _render_exclude(draft: Draft) -> Iterator[str]:
    if draft.label.missing or draft.is_sample:
        yield "def exclude(rows):  # reason -> rows to leave out; they are counted"
        yield f'    return {{"no label": rows[{quote(draft.label_name)}].isna()}}'


def _is_array(label: LabelDraft) -> bool:
    return bool(label.size)
