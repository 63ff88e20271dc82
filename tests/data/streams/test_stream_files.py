"""Several files as a stream: the rows, types and errors are those of the files read as a whole."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.data.formats.lake_types import INFERRED_TYPE
from firelib.data.formats.read import read_raw_files
from firelib.data.sources.raw_file import RawFile, RawFiles
from firelib.data.streams import csv_file, json_stream, open_files, stream_files
from firelib.data.streams.csv_blocks import read_blocks
from firelib.data.streams.stream_files import stream_raw_files
from firelib.errors import FirelibError
from firelib.recipe import CsvDialect, Feature, Source
from tests.errors import refused
from tests.recipes.tiny import Tiny


class Keyed(Tiny):
    """Columns whose types must lose nothing: `key` and `both`; text as it is written: `word`."""

    key = ("key", "both")
    features = (Feature("word", "string"),)  # type: ignore[assignment]  a tuple of another length
    label = Feature("none", "int64")


def raw_files(folder: Path) -> RawFiles:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return RawFiles(tuple(RawFile(path, "", path.relative_to(folder).as_posix(), True) for path in paths), "")


def outcome(read: Any) -> Any:
    """The rows with their types and metadata, or the kind of error."""
    try:
        table = read()
    except FirelibError as error:
        return str(error.what).partition(":")[0]
    return table


def compare(folder: Path, source: Source, small: int, block: int) -> None:
    raw = raw_files(folder)
    whole = outcome(lambda: read_raw_files(raw, source, Keyed(), "t"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream_files, "_WHOLE_BYTES", -1)
        patch.setattr(open_files, "_SMALL_BYTES", small)
        patch.setattr(json_stream, "BLOCK_BYTES", block)
        patch.setattr(csv_file, "read_blocks", lambda file: read_blocks(file, block))
        streamed = outcome(lambda: stream_raw_files(raw, source, Keyed(), "t").read_all())
    assert type(streamed) is type(whole), (streamed, whole)
    if isinstance(whole, pa.Table):
        assert streamed.schema.remove_metadata().equals(whole.schema.remove_metadata(), check_metadata=True)
        assert streamed.equals(whole)


TEXT = st.sampled_from(["1", "2", "01", "1.5", "true", "2013-01-01", "a", "", "12345678901234567", "1e3", "12:30:00"])
NAMES = st.lists(st.sampled_from(["key", "both", "word", "x", "y"]), min_size=1, max_size=4, unique=True)


@st.composite
def csv_files(draw: st.DrawFn) -> list[str]:
    names = draw(NAMES)
    files = []
    for _ in range(draw(st.integers(1, 4))):
        header = draw(st.permutations(names)) if draw(st.integers(0, 3)) else draw(NAMES)
        rows = draw(st.lists(st.lists(TEXT, min_size=len(header), max_size=len(header)), max_size=6))
        files.append("\n".join(",".join([*row, "0"]) for row in [header, *rows]).replace(",0", ",last", 1))
    return files


DEFAULTS = st.sampled_from([{}, {"word": "none", "both": "1"}, {"x": 7, "later": 0.5}])


@given(csv_files(), st.booleans(), st.sampled_from([0, 30, 1000]), st.sampled_from([5, 40, 1000]), DEFAULTS)
@settings(max_examples=80, deadline=None)
def test_csv_files(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[str],
    union: bool,
    small: int,
    block: int,
    defaults: dict[str, Any],
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    for index, content in enumerate(files):
        (folder / f"y={index % 2}").mkdir(exist_ok=True)
        (folder / f"y={index % 2}" / f"ü {index}.csv").write_text(content)
    compare(folder, Source(str(folder), union=union, defaults=defaults), small, block)


def test_defaults_of_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing values get them whatever the size of the source; so do columns that some files, or all, lack."""
    monkeypatch.setattr(stream_files, "_WHOLE_BYTES", -1)
    (tmp_path / "a.csv").write_text("key,word,gate\n1,,7\n2,b,\n")
    (tmp_path / "b.csv").write_text("key,word\n3,c\n")
    defaults = {"word": "none", "gate": -1, "later": 7}
    source = Source(str(tmp_path), union=True, types={"later": "float32"}, defaults=defaults)
    for small in (0, 1000):
        monkeypatch.setattr(open_files, "_SMALL_BYTES", small)
        rows = stream_raw_files(raw_files(tmp_path), source, Keyed(), "t").read_all()
        assert rows.select(["key", "word", "gate"]).to_pylist() == [
            {"key": 1, "word": "none", "gate": 7},
            {"key": 2, "word": "b", "gate": -1},
            {"key": 3, "word": "c", "gate": -1},
        ]
        assert rows["later"].type == pa.float32()
        assert rows["later"].to_pylist() == [7, 7, 7]


def test_numbers_with_a_decimal_comma(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x;t\n1;2\n2;3\n")
    (tmp_path / "b.csv").write_text("x;t\n1,5;12:30:00,5\n1.500;4\n")
    dialect = CsvDialect(delimiter=";", decimal=",")
    for small in (0, 1000):
        compare(tmp_path, Source(str(tmp_path), csv=dialect), small, 10)


@given(
    st.lists(st.lists(st.dictionaries(st.sampled_from("abc"), st.sampled_from([1, 0.5, 2**53 + 1, None])), max_size=4)),
    st.booleans(),
    st.sampled_from([0, 1000]),
)
@settings(max_examples=40, deadline=None)
def test_json_files(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[dict[str, Any]]], union: bool, small: int
) -> None:
    folder = tmp_path_factory.mktemp("json")
    for index, rows in enumerate([[{"a": 1}], *files]):
        (folder / f"{index}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    compare(folder, Source(str(folder), union=union), small, 20)


@pytest.mark.parametrize("union", [True, False])
@pytest.mark.parametrize("types", [{}, {"x": "string"}, {"x": "float64"}])
def test_parquet_files_of_different_types(tmp_path: Path, union: bool, types: dict[str, str]) -> None:
    tables = [
        {"x": [1, 2], "y": ["a", None]},
        {"x": [0.5, None]},
        {"x": [None, None], "y": ["b", "c"], "z": [True, False]},
    ]
    for index, columns in enumerate(tables):
        (tmp_path / f"part={index}").mkdir()
        pq.write_table(pa.table(columns), tmp_path / f"part={index}" / "a b.parquet")
    for small in (0, 10_000):
        compare(tmp_path, Source(str(tmp_path), union=union, types=types), small, 10)


def test_what_is_noted_about_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_files, "_WHOLE_BYTES", -1)
    monkeypatch.setattr(open_files, "_SMALL_BYTES", 0)
    (tmp_path / "a.csv").write_text("key,both,word\n1,01,1\n2,2,2.5\n")
    schema = stream_raw_files(raw_files(tmp_path), Source("a.csv"), Keyed(), "t").schema
    assert [str(kind) for kind in schema.types] == ["int64", "string", "string"]
    noted = {field.name: (field.metadata or {}).get(INFERRED_TYPE) for field in schema}
    assert noted == {"key": None, "both": b"int64", "word": b"double"}


def test_a_damaged_file_among_others_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_files, "_WHOLE_BYTES", -1)
    for index in range(20):
        (tmp_path / f"{index:02}.csv").write_text("x,y\n1,2\n" if index != 13 else "x,y\n1,2,3\n")
    for small in (0, 1000):
        monkeypatch.setattr(open_files, "_SMALL_BYTES", small)
        with refused(what="csv", where="13.csv"):
            stream_raw_files(raw_files(tmp_path), Source("parts"), Keyed(), "t").read_all()
