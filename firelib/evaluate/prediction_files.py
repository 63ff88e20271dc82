"""Write predictions as JSON lines, JSON, CSV or Parquet: the whole file, or none."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from firelib import storage
from firelib.errors import FirelibError, did_you_mean
from firelib.evaluate.arrays import Floats
from firelib.evaluate.input_rows.read import InputRows
from firelib.evaluate.predictions import rename_label, to_columns, to_objects
from firelib.recipe import Recipe

_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
#: The formats of predictions.
FORMATS = ("jsonl", "json", "csv", "parquet")


class PredictionWriter(Protocol):
    """Writes the predictions of one batch after the other."""

    def write(self, rows: InputRows, outputs: Floats) -> None:
        """Write a batch.

        Args:
            rows: The rows that were scored.
            outputs: Outputs of the model [rows] or [rows, …].
        """


def choose_format(output: Path | None, name: str | None) -> str:
    """Choose the format of a file, before anything is scored.

    Args:
        output: The file; its suffix tells the format. None for standard output.
        name: One of `FORMATS`, which has precedence.

    Raises:
        FirelibError: The name or the suffix is unknown.
    """
    if name is not None:
        if name not in FORMATS:
            raise FirelibError(f"unknown format {name!r}", where="--format", remedy=did_you_mean(name, FORMATS))
        return name
    if output is None:
        return "jsonl"
    suffix = output.suffix.lower()
    if suffix not in _SUFFIXES:
        raise FirelibError(
            f"the suffix of {output} tells no format",
            where="--output",
            remedy=f"use one of {', '.join(_SUFFIXES)}, or name the format: --format {'|'.join(FORMATS)}",
        )
    return _SUFFIXES[suffix]


@contextmanager
def open_writer(output: Path | None, kind: str, recipe: Recipe) -> Iterator[PredictionWriter]:
    """Open a writer. What it wrote appears when the block succeeds; if the block fails, nothing does.

    Args:
        output: The file; an existing one is replaced. None for standard output.
        kind: One of `FORMATS`.
        recipe: Names the predictions.

    Yields:
        The writer.

    Raises:
        FirelibError: The file cannot be written.
    """
    folder = output.absolute().parent if output else Path(tempfile.gettempdir())
    with _explain(output), storage.explain_full_disk(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".predictions-", delete=False) as file:
            work = Path(file.name)
    try:
        with (
            storage.explain_full_disk(str(folder)),
            work.open("wb") as stream,
            _writers(kind)(stream, recipe) as writer,
        ):
            yield writer
        with _explain(output):
            _publish(work, output)
    finally:
        work.unlink(missing_ok=True)


def _publish(work: Path, output: Path | None) -> None:
    if output is None:
        with work.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.flush()
        return
    with work.open("rb") as file:
        os.fsync(file.fileno())
    mask = os.umask(0)
    os.umask(mask)
    work.chmod(0o666 & ~mask)  # temporary files are private
    work.replace(output)


@contextmanager
def _explain(output: Path | None) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FirelibError(
            f"cannot write {output or 'standard output'}: {error.strerror}",
            where="--output",
            remedy="check the path and its permissions",
        ) from None


def _writers(kind: str) -> Any:
    return {"jsonl": _json_lines, "json": _json_list, "csv": _csv, "parquet": _parquet}[kind]


class _JsonWriter:
    """Writes one object per row, with text before the first one, between two, and after the last."""

    def __init__(self, stream: IO[bytes], recipe: Recipe, between: str) -> None:
        self._stream, self._recipe, self._between = stream, recipe, between
        self._is_first = True

    def write(self, rows: InputRows, outputs: Floats) -> None:
        label = self._recipe.label.name
        for others, value in zip(rows.others, to_objects(outputs, self._recipe), strict=True):
            text = json.dumps({**rename_label(others, label), label: value}, default=str, ensure_ascii=False)
            text = f"{'' if self._is_first else self._between}{text}"
            self._stream.write(text.encode(errors="backslashreplace"))  # a lone surrogate becomes JSON's escape of it
            self._is_first = False


@contextmanager
def _json_lines(stream: IO[bytes], recipe: Recipe) -> Iterator[PredictionWriter]:
    yield _JsonWriter(stream, recipe, "\n")
    stream.write(b"\n")


@contextmanager
def _json_list(stream: IO[bytes], recipe: Recipe) -> Iterator[PredictionWriter]:
    stream.write(b"[\n")
    yield _JsonWriter(stream, recipe, ",\n")
    stream.write(b"\n]\n")


class _TableWriter:
    """Writes tables with the columns and types of the first one.

    Args:
        recipe: Names the predictions.
        open_file: Makes a writer of Arrow tables from a schema.
        is_flat: Whether the format has no lists and structs: they are written as JSON.
    """

    def __init__(self, recipe: Recipe, open_file: Any, is_flat: bool) -> None:
        self._recipe, self._open, self._is_flat = recipe, open_file, is_flat
        self._file: Any = None
        self._schema: pa.Schema | None = None

    def write(self, rows: InputRows, outputs: Floats) -> None:
        table = _to_table(rows, outputs, self._recipe)
        table = _flatten(table) if self._is_flat else table
        if self._schema is None:
            self._schema = table.schema
            self._file = self._open(table.schema)
        self._file.write_table(_cast(table, self._schema, rows.where))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@contextmanager
def _csv(stream: IO[bytes], recipe: Recipe) -> Iterator[PredictionWriter]:
    with closing(_TableWriter(recipe, lambda schema: pyarrow.csv.CSVWriter(stream, schema), is_flat=True)) as writer:
        yield writer


@contextmanager
def _parquet(stream: IO[bytes], recipe: Recipe) -> Iterator[PredictionWriter]:
    with closing(_TableWriter(recipe, lambda schema: pq.ParquetWriter(stream, schema), is_flat=False)) as writer:
        yield writer


def _to_table(rows: InputRows, outputs: Floats, recipe: Recipe) -> pa.Table:
    passed = rows.passed
    columns = (
        dict(zip(passed.column_names, passed.columns, strict=True))
        if isinstance(passed, pa.Table)
        else {name: _to_array([row.get(name) for row in rows.others]) for name in _names(rows.others)}
    )
    columns, predicted = rename_label(columns, recipe.label.name), to_columns(outputs, recipe)
    clashes = sorted(columns.keys() & predicted.keys())
    if clashes:
        raise FirelibError(
            f"the input has columns with the names of predictions: {', '.join(clashes)}",
            where=rows.where,
            remedy="rename or remove these columns, or write JSON lines",
        )
    return pa.table({**columns, **predicted})


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _to_array(values: list[Any]) -> pa.Array:
    """Values of JSON as a column; text if they are of different types."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array(
            [value if isinstance(value, str | None) else json.dumps(value, ensure_ascii=False) for value in values]
        )


def _flatten(table: pa.Table) -> pa.Table:
    """Convert what CSV cannot hold to text."""
    columns: Mapping[str, Any] = dict(zip(table.column_names, table.columns, strict=True))
    return pa.table({name: _to_text(column) if _is_nested(column.type) else column for name, column in columns.items()})


def _is_nested(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _to_text(column: pa.ChunkedArray) -> pa.Array:
    return pa.array(
        [
            None
            if value is None
            else value.decode(errors="backslashreplace")
            if isinstance(value, bytes)
            else json.dumps(value, default=str, ensure_ascii=False)
            for value in column.to_pylist()
        ],
        pa.string(),
    )


def _cast(table: pa.Table, schema: pa.Schema, where: str) -> pa.Table:
    """Give a batch the columns and types of the first one."""
    unknown = sorted(set(table.column_names) - set(schema.names))
    problems = [f"new columns {', '.join(unknown)}"] if unknown else []
    columns = {}
    for field in schema:
        column = table[field.name] if field.name in table.column_names else pa.nulls(table.num_rows)
        try:
            columns[field.name] = column.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            problems.append(f"column {field.name!r}: expected {field.type}, got {column.type}: {error}")
    if problems:
        raise FirelibError(
            "\n".join(["rows have other columns or types than the rows before them", *problems]),
            where=where,
            remedy="declare the types of the columns (Source.types), or write JSON lines",
        )
    return pa.table(columns, schema)
