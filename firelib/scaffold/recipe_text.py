"""The Python text of a drafted recipe."""

import json
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from firelib.recipe import TaskKind
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
        f"from firelib.recipe import {', '.join(sorted(imports, key=str.lower))}",
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
    if draft.dates:
        yield "add_date_parts"
    if draft.numbered:
        yield "number_rows"
    if draft.label.task is TaskKind.MULTILABEL and not _is_array(draft.label) and len(draft.label.columns) == 1:
        yield "flag_labels"
    elif draft.label.task is not TaskKind.MULTILABEL and draft.label.classes and not draft.label.is_numbered:
        yield "number_classes"
    if draft.picture:
        yield "decode_pictures"


def _render_head(draft: Draft, origin: str) -> Iterator[str]:
    label = _escape(", ".join(draft.label.columns[:5]))
    rows = f"{draft.rows:,} rows" if not draft.is_sample else f"the first {draft.rows:,} rows"
    yield f'"""Predict {label}: {draft.label.task}.'
    yield ""
    yield f"`firelib init` wrote this recipe for {_escape(origin)} ({rows}, {draft.columns:,} columns). It is yours to change; then run"
    yield "firelib sync, which follows the recipe in dvc.yaml, and firelib run."
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
    yield from _wrap(f'sources = {{"rows": {source}}}')
    yield "features = ("
    yield from _render_features(draft.features)
    yield ")"
    yield f"label = Feature({quote(draft.label_name)}, {_label_arguments(label)})  # {_describe_label(label)}"
    if label.classes and label.names != tuple(map(str, range(len(label.classes)))):
        yield from _wrap(f"classes = ({_join(label.names)})")
    yield f"key = ({_join(draft.key)})  # {_describe_key(draft)}"
    yield from _render_splits(draft)
    yield f"parameters = {_parameters(draft)}  # the model's own; section `model` of params.yaml overrides them"


def _join(values: Iterable[Any]) -> str:
    values = [quote(value) for value in values]
    return ", ".join(values) + ("," if len(values) == 1 else "")


def _wrap(line: str) -> Iterator[str]:
    """Break a line at spaces, where it is Python with brackets."""
    if len(line) <= _WIDTH or '" ' in line.replace('", ', ""):
        yield line
        return
    yield from textwrap.wrap(line, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


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
            names = ", ".join(quote(each.name) for each in alike)
            yield f"    *(Feature(column, {feature.arguments}) for column in ("
            yield from textwrap.wrap(names, _WIDTH - 8, initial_indent=" " * 8, subsequent_indent=" " * 8)
            yield "    )),"


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
        return "no column identifies a row, so transform numbers them"
    return "identifies a row; its hash decides the split"


def _render_splits(draft: Draft) -> Iterator[str]:
    if draft.groups:
        yield f"# split_by = ({_join(draft.groups[:1])})  # puts all rows of a group into the same split"
    if draft.time:
        yield f"# split_time = {quote(draft.time)}  # trains on the past, tests on the future: see docs/data.md"


def _parameters(draft: Draft) -> str:
    if draft.picture:
        return '{"filters": [32, 64], "dense": 128}'
    return '{"hidden": [128, 64], "embedding": 16, "dropout": 0.0}'


def _render_prepare(draft: Draft) -> Iterator[str]:
    if not (draft.renamed or draft.dates or draft.wide or draft.picture):
        return
    yield "def prepare(rows):  # raw columns to features; firelib predict does the same"
    if draft.wide:
        yield from _render_wide(draft.wide)
    if draft.renamed:
        names = ", ".join(f"{quote(old)}: {quote(new)}" for old, new in draft.renamed.items())
        yield "    rows = rows.rename("
        yield from _fill(f"columns={{{names}}}", 8)
        yield "    )"
    if draft.picture:
        yield f"    rows = decode_pictures(rows, {quote(draft.picture)}, {draft.picture_shape})"
    if draft.dates:
        yield f"    rows = add_date_parts(rows, {', '.join(map(quote, draft.dates))})"
    yield "    return rows"


def _fill(text: str, indent: int) -> Iterator[str]:
    """Break a text after commas, never inside a literal."""
    line = ""
    for part in text.split(", ") if '", ' not in text else _split_items(text):
        if line and len(line) + len(part) + 2 > _WIDTH - indent:
            yield f"{' ' * indent}{line},"
            line = part
        else:
            line = f"{line}, {part}" if line else part
    yield f"{' ' * indent}{line}"


def _split_items(text: str) -> list[str]:
    """Split at commas outside of double quotes."""
    items, start, quoted, index = [], 0, False, 0
    while index < len(text):
        if text[index] == "\\" and quoted:
            index += 1
        elif text[index] == '"':
            quoted = not quoted
        elif text.startswith(", ", index) and not quoted:
            items.append(text[start:index])
            start = index + 2
        index += 1
    return [*items, text[start:]]


def _render_wide(wide: WideColumns) -> Iterator[str]:
    pattern = wide.pattern
    if pattern:
        prefix, first, last = pattern
        yield f"    columns = [f{quote(prefix.replace('{', '{{').replace('}', '}}') + '{number}')} for number in range({first}, {last + 1})]"
    else:
        yield "    columns = ["
        yield from _fill(", ".join(map(quote, wide.columns)), 8)
        yield "    ]"
    yield f'    numbers = rows[columns].astype("float64").to_numpy(dtype="{wide.dtype}", na_value=float("nan"))'
    yield "    rows = rows.drop(columns=columns)"
    yield f"    rows[{quote(wide.name)}] = list(numbers)"


def _render_transform(draft: Draft) -> Iterator[str]:
    label, has_prepare = draft.label, any(_render_prepare(draft))
    name = quote(draft.label_name)
    steps = []
    if label.task is TaskKind.MULTILABEL and len(label.columns) > 1:
        columns = [draft.renamed.get(column, column) for column in label.columns]
        steps.append(f'rows[{name}] = rows[[{", ".join(map(quote, columns))}]].astype("int8").to_numpy().tolist()')
    elif "flag_labels" in _helpers(draft):
        values = "classes" if label.names == label.classes else f"({_join(label.classes)})"
        separator = f", {quote(label.separator)}" if label.separator else ""
        steps.append(f"rows[{name}] = flag_labels(rows[{name}], {values}{separator})")
    elif "number_classes" in _helpers(draft):
        values = "classes" if label.names == label.classes else f"({_join(label.classes)})"
        steps.append(f"rows[{name}] = number_classes(rows[{name}], {values})")
    if steps:
        yield "def add_label(rows):"
        yield "    rows = rows.copy()"
        yield from (f"    {step}" for step in steps)
        yield "    return rows"
        yield ""
        yield ""
    yield "def transform(tables):  # Dask dataframes in, one Dask dataframe out"
    yield f'    rows = {"number_rows(" if draft.numbered else ""}tables["rows"]' + (
        f", {quote(draft.numbered)})" if draft.numbered else ""
    )
    if has_prepare:
        yield "    rows = rows.map_partitions(prepare)"
    yield "    return rows" + (".map_partitions(add_label)" if steps else "")


def _render_exclude(draft: Draft) -> Iterator[str]:
    if draft.label.missing or draft.is_sample:
        yield "def exclude(rows):  # reason -> rows to leave out; they are counted"
        yield f'    return {{"no label": rows[{quote(draft.label_name)}].isna()}}'


def _is_array(label: LabelDraft) -> bool:
    return bool(label.size)
