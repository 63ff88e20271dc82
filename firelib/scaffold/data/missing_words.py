"""Words such as `n/a` that stand for a missing value, and codes with leading zeros: what the source must declare."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.formats.csv import CSV
from firelib.data.sources.listing import list_files
from firelib.scaffold.data.data_source import DataSource, read_data
from firelib.scaffold.data.differing_files import read_files
from firelib.scaffold.data.written import MISSING_WORDS, find_odd_words, looks_written
from firelib.scaffold.label import find_label

_IN_LABELS = frozenset(MISSING_WORDS) - {"None", "none", ".", "na"}  # these may be names of classes
_SHEETS = (".xlsx", ".xls", ".ods", ".xlsb")
_DEFAULT = ("", "NA")
_SURELY_NUMBERS = 50  # different numbers
_MOST_ODD, _LEAST_NUMBERS = 4, 8  # different words in a column of numbers, and numbers for each of them


def read_text_data(data: DataSource, scratch: Path, wanted: Sequence[str]) -> tuple[DataSource, pa.Table, bool]:
    """Read the rows; of text files with the words that mean a missing value, and with codes as text.

    Args:
        data: The data.
        scratch: Folder for downloads.
        wanted: Columns of the label; empty lets firelib guess.

    Returns:
        The data with the options that the source needs; the rows; and whether there are more.

    Raises:
        FirelibError: The data cannot be read, or lack the label.
    """
    data, table, is_sample = read_files(data, scratch)
    if not table.num_columns or not _is_text(data):
        return data, table, is_sample
    labels, _ = find_label(table.column_names, wanted)
    words = tuple(sorted(set(_find_words(table, labels)) - set(_DEFAULT)))
    if words:
        data = _declare(data, null_values=(*_DEFAULT, *words))
        table, is_sample = read_data(data, scratch)
    codes = _find_codes(data, table, scratch)
    if codes:
        data = declare_texts(data, codes)
        table, is_sample = read_data(data, scratch)
    return data, table, is_sample


def declare_texts(data: DataSource, columns: Sequence[str]) -> DataSource:
    """Declare columns of a CSV file as text, so that rows to score are read as the data are.

    Args:
        data: The data.
        columns: The columns.
    """
    if not columns or not _is_csv(data):
        return data
    return _declare(data, types={**data.source.types, **dict.fromkeys(columns, "string")})


def describe_words(data: DataSource) -> list[str]:
    """Say which words mean a missing value: a line, if there are others than usual.

    Args:
        data: The data.
    """
    words = [word for word in data.source.null_values if word not in _DEFAULT]
    if not words:
        return []
    return [f"missing values: {', '.join(map(repr, words))}, in all columns; null_values of the source lists them"]


def describe_odd_words(table: pa.Table, labels: Sequence[str]) -> list[str]:
    """Name the columns that are text because of a few words among numbers or dates: a line each.

    Args:
        table: Rows whose written numbers and dates are parsed.
        labels: Columns of the label, which may be text.
    """
    lines = []
    for name in table.column_names:
        if name not in labels and pa.types.is_string(table.schema.field(name).type):
            texts = pc.unique(table[name].drop_null())
            words = find_odd_words(texts)
            if 0 < len(words) <= _MOST_ODD and len(texts) >= _LEAST_NUMBERS * len(words):
                shown = ", ".join(map(repr, sorted(words)))
                remedy = "if they mean a missing value, add them to null_values of the source"
                lines.append(f"words among numbers: {name!r} is read as text because of {shown}; {remedy}")
    return lines


def _declare(data: DataSource, **options: Any) -> DataSource:
    return replace(data, source=replace(data.source, **options), arguments={**data.arguments, **options})


def _is_csv(data: DataSource) -> bool:
    name = data.source.uris[0]
    if "://" not in name:
        name = list_files(data.source)[0].name
    return CSV.matches_name(name) or name.lower().endswith((".tsv", ".tab"))


def _is_text(data: DataSource) -> bool:
    return not data.is_pictures and (_is_csv(data) or data.source.uris[0].lower().endswith(_SHEETS))


def _find_words(table: pa.Table, labels: Sequence[str]) -> Iterator[str]:
    known = pa.array(MISSING_WORDS)
    columns = {
        name: pc.unique(table[name].drop_null())
        for name in table.column_names
        if pa.types.is_string(table.schema.field(name).type)
    }
    for name, texts in columns.items():
        found = pc.is_in(pc.utf8_trim_whitespace(texts), known)
        words, others = texts.filter(found).to_pylist(), texts.filter(pc.invert(found))
        if words and len(others) and looks_written(others):
            yield from words
        elif odd := _odd_among_numbers(texts):
            rest = [other for column, other in columns.items() if column != name]
            yield from (word for word in odd if name in labels or not any(_contains(other, word) for other in rest))
        elif name in labels and len(others) > 1 and "+" not in others.to_pylist():
            yield from (word for word in words if word.strip() in _IN_LABELS)


def _odd_among_numbers(texts: pa.Array) -> list[str]:
    """The few words of a column that is one of numbers beyond doubt: more than could be classes or grades."""
    odd = find_odd_words(texts)
    return odd if 0 < len(odd) <= _MOST_ODD and len(texts) >= _SURELY_NUMBERS + len(odd) else []


def _contains(texts: pa.Array, word: str) -> bool:
    return bool(pc.any(pc.equal(texts, word)).as_py())


def _find_codes(data: DataSource, table: pa.Table, scratch: Path) -> list[str]:
    """Columns of integers that are written with leading zeros, such as the postcode 07775."""
    whole = [name for name in table.column_names if pa.types.is_integer(table.schema.field(name).type)]
    if not whole or not _is_csv(data):
        return []
    texts, _ = read_data(declare_texts(data, whole), scratch)
    return [name for name in whole if pc.any(pc.match_substring_regex(texts[name], r"^\s*0\d")).as_py()]
