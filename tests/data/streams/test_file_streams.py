"""Each format as a stream: the rows, their types and their hash are those of the file read as a whole."""

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firelib.data.formats.csv import read_csv
from firelib.data.formats.csv_input import CsvInput
from firelib.data.formats.json_lines import read_json
from firelib.data.sources.row_sets import hash_rows
from firelib.data.streams import csv_file, json_stream, parquet_stream
from firelib.data.streams.arrow_stream import open_arrow
from firelib.data.streams.csv_blocks import read_blocks, read_known_blocks
from firelib.data.streams.csv_stream import open_csv
from firelib.data.streams.file_stream import FileStream
from firelib.data.streams.json_stream import open_json
from firelib.data.streams.parquet_stream import open_parquet
from firelib.recipe import CsvDialect, Source
from tests.errors import refused


def read(stream: FileStream | None) -> pa.Table:
    assert stream is not None
    table = stream.rows.read_all()
    assert table.schema.equals(stream.rows.schema, check_metadata=True)
    return table


def small_csv_blocks(patch: pytest.MonkeyPatch, size: int) -> None:
    patch.setattr(csv_file, "read_blocks", lambda file: read_blocks(file, size))


VALUES = {
    "whole": st.integers(-(2**63), 2**63 - 1).map(str),
    "bit": st.sampled_from("01"),
    "word": st.sampled_from(["true", "False", "a", "ü", "NA"]),
    "real": st.floats(allow_nan=False).map(repr),
    "day": st.dates().map(str),
    "clock": st.times().map(lambda time: time.strftime("%H:%M:%S")),
    "moment": st.datetimes().map(lambda time: time.isoformat(" ", "seconds")),
    "fine": st.datetimes().map(lambda time: time.isoformat()),
    "zoned": st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
    "long": st.sampled_from(["12345678901234567", "123456789012345678901"]),
    "missing": st.sampled_from(["", "NA"]),
}
# A column has values of up to three kinds, so that blocks differ in their types.
COLUMN = st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3).flatmap(
    lambda kinds: st.lists(st.one_of(*(VALUES[kind] for kind in kinds)), min_size=12, max_size=12)
)


@given(st.lists(COLUMN, min_size=2, max_size=4), st.integers(1, 200), st.sampled_from([{}, {"c0": "string"}]))
@settings(max_examples=100, deadline=None)
def test_types_of_a_csv_file_do_not_depend_on_its_blocks(
    tmp_path_factory: pytest.TempPathFactory, columns: list[list[str]], size: int, types: dict[str, str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "types.csv"
    lines = [",".join(f"c{index}" for index in range(len(columns)))]
    lines += [",".join(row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(lines))
    source = Source("types.csv", types=types)
    whole = read_csv(path, source)
    with pytest.MonkeyPatch.context() as patch:
        small_csv_blocks(patch, size)
        streamed = read(open_csv(path, source, ()))
    assert streamed.schema.equals(whole.schema, check_metadata=True)
    assert streamed.equals(whole)
    assert hash_rows(streamed) == hash_rows(whole)


TEXT = st.text(st.sampled_from(list('a";,\n\r 1ü')), max_size=6)


@given(
    st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=12),
    st.integers(1, 60),
    st.sampled_from(
        [
            CsvDialect(),
            CsvDialect(delimiter=";", encoding="latin-1"),
            CsvDialect(encoding="utf-16"),
            CsvDialect(header=("x", "y")),
            CsvDialect(header=False),
            CsvDialect(skip_rows=2),
            CsvDialect(escape="\\"),
        ]
    ),
)
@settings(max_examples=100, deadline=None)
def test_blocks_of_a_csv_file_end_with_a_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], size: int, dialect: CsvDialect
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    delimiter = dialect.delimiter or ","

    def quoted(value: str) -> str:
        return '"' + value.replace('"', '\\"' if dialect.escape else '""') + '"'

    above = ['no "header', "at all"][: dialect.skip_rows]
    lines = [*above, f"x{delimiter}y", *(delimiter.join(map(quoted, row)) for row in rows)]
    path.write_bytes("\r\n".join(lines).encode(dialect.encoding))
    source = Source("rows.csv", csv=dialect, types=dict.fromkeys(("x", "y", "f0", "f1"), "string"))
    whole = read_csv(path, source)
    with pytest.MonkeyPatch.context() as patch:
        small_csv_blocks(patch, size)
        assert read(open_csv(path, source, ())).to_pylist() == whole.to_pylist()


@pytest.mark.parametrize(
    "content",
    [
        'size,name\n5" pipe,a\n"6"" pipe",b\n7,c\n',
        "size,name\r1,a\r2,b\r3,c",
        "size,name\n\n\n1,a\n\n\n\n\n\n\n\n\n\n2,b\n",
        "\ufeffsize,name\n1,a\n2,b\n",
        "size,name\n",
    ],
)
@pytest.mark.parametrize("size", [1, 5, 11, 1000])
def test_odd_csv_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, size: int) -> None:
    (tmp_path / "a.csv").write_text(content, newline="")
    small_csv_blocks(monkeypatch, size)
    source = Source("a.csv")
    assert read(open_csv(tmp_path / "a.csv", source, ())).equals(read_csv(tmp_path / "a.csv", source))


def test_passes_over_a_csv_file_do_not_depend_on_its_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks disagree about the types of all columns, half of which have numbers that floats may round."""
    count = 10
    days = ["2013-01-01"] * 20 + ["2013-01-01 12:00:00"] * 20
    numbers = ["1"] * 20 + ["1e20"] * 20
    lines = [",".join([*(f"d{index}" for index in range(count)), *(f"n{index}" for index in range(count))])]
    lines += [",".join([day] * count + [number] * count) for day, number in zip(days, numbers, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    passes: list[CsvInput] = []

    def count_passes(file: CsvInput, sizes: Sequence[int]) -> Iterator[bytes]:
        passes.append(file)
        return read_known_blocks(file, sizes)

    small_csv_blocks(monkeypatch, 500)
    monkeypatch.setattr(csv_file, "read_known_blocks", count_passes)
    source = Source("a.csv")
    assert read(open_csv(tmp_path / "a.csv", source, ())).equals(read_csv(tmp_path / "a.csv", source))
    assert len(passes) == 3  # the types of days, the numbers, the rows


def test_compressed_csv_and_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_csv_blocks(monkeypatch, 64)
    monkeypatch.setattr(json_stream, "BLOCK_BYTES", 64)
    numbers = range(1000)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"n\n" + b"".join(b"%d\n" % number for number in numbers)))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"".join(b'{"n": %d}\n' % number for number in numbers)))
    assert read(open_csv(tmp_path / "a.csv.gz", Source("a.csv.gz"), ()))["n"].to_pylist() == [*numbers]
    assert read(open_json(tmp_path / "a.jsonl.gz", Source("a.jsonl.gz"), ()))["n"].to_pylist() == [*numbers]


LEAF = st.none() | st.integers(-5, 5) | st.sampled_from([0.5, 1.5])
OBJECT = st.fixed_dictionaries(
    {},
    optional={
        "n": LEAF,
        "t": st.none() | st.sampled_from(["", "a", "2013-01-01", "2013-01-01 00:00:00"]),
        "l": st.none() | st.lists(LEAF, max_size=2),
        "o": st.none() | st.fixed_dictionaries({}, optional={"x": LEAF, "y": st.none() | st.booleans()}),
    },
)


@given(st.lists(OBJECT, min_size=1, max_size=12), st.integers(1, 100))
@settings(max_examples=100, deadline=None)
def test_types_of_json_lines_do_not_depend_on_blocks(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    try:
        whole = read_json(path, Source("rows.jsonl"))
    except pa.ArrowInvalid:  # Arrow misreads some lists of nulls
        assume(False)
    assume(whole.num_columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "BLOCK_BYTES", size)
        streamed = read(open_json(path, Source("rows.jsonl"), ()))
    assert streamed.equals(whole)
    assert hash_rows(streamed) == hash_rows(whole)


def test_a_json_file_without_lines_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"rows": "' + b"x" * (40 << 20) + b'"}')
    with refused(what="lines of at most 32 MiB", where="a.json", remedy="one object in each line"):
        open_json(path, Source("a.json"), ())


@pytest.mark.parametrize(("content", "found"), [(b"\n" * 200 + b'{"n": 1}', [1]), (b" \n" * 200, None)])
def test_blank_lines_of_json_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, found: list[int] | None
) -> None:
    monkeypatch.setattr(json_stream, "BLOCK_BYTES", 64)
    (tmp_path / "a.jsonl").write_bytes(content)
    stream = open_json(tmp_path / "a.jsonl", Source("a.jsonl"), ())
    assert (stream and read(stream)["n"].to_pylist()) == found


def odd_table(rows: int) -> pa.Table:
    """Rows with nulls, of types that Parquet encodes in different ways."""
    random = np.random.default_rng(0)
    mask = random.random(rows) < 0.2
    return pa.table(
        {
            "number": pa.array(random.random(rows), mask=mask),
            "word": pa.array([f"w{index % 7}" for index in range(rows)], mask=mask),
            "flag": pa.array(random.random(rows) < 0.5, mask=mask),
            "list": pa.array([[index, None] if index % 3 else None for index in range(rows)]),
            "kind": pa.array([f"k{index % 3}" for index in range(rows)]).dictionary_encode(),
        }
    )


@pytest.mark.parametrize("group", [100, 3001, 10_000])
def test_row_groups_have_the_bytes_of_the_whole_file(tmp_path: Path, group: int) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(odd_table(10_000), path, row_group_size=group, use_dictionary=["word", "kind"])
    whole = pq.read_table(path, partitioning=None)
    streamed = read(open_parquet(path, Source("a.parquet"), ()))
    assert streamed.schema.equals(whole.schema, check_metadata=True)
    assert streamed.equals(whole)
    for name in ("number", "word", "flag", "list"):
        assert hash_rows(streamed.select([name])) == hash_rows(whole.select([name])), name


def test_the_hash_of_a_large_row_group_does_not_depend_on_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    rows = odd_table(10_000).drop_columns("kind")
    pq.write_table(rows, path, use_dictionary=["word"])
    monkeypatch.setattr(parquet_stream, "_LARGE_BYTES", 1000)
    found = set()
    for size in (1000, 7777, 1 << 30):
        monkeypatch.setattr(parquet_stream, "BATCH_BYTES", size)
        streamed = read(open_parquet(path, Source("a.parquet"), ()))
        assert streamed.equals(rows)
        found.add(hash_rows(streamed))
    assert len(found) == 1


@pytest.mark.parametrize("write", [pa.ipc.new_file, pa.ipc.new_stream])
def test_arrow_files_and_streams(tmp_path: Path, write: Callable[[Any, pa.Schema], Any]) -> None:
    rows = odd_table(1000).drop_columns("kind")
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as file, write(file, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=130)
    assert read(open_arrow(tmp_path / "a.arrow", Source("a.arrow"), ())).equals(rows)
