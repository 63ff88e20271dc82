import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from firelib.data.formats.json_lines import read_json_head
from firelib.data.formats.read import read_raw_file
from firelib.data.sources.raw_file import RawFile
from firelib.recipe import Source
from tests.errors import refused

ROWS: list[dict[str, Any]] = [
    {"a": 1, "t": "2013-01-01 00:00:00", "n": {"x": [1, 2], "d": "2013-01-01"}, "b": "ü"},
    {"a": 2.5, "t": None},
]
EXPECTED = [{"a": 1.0, **ROWS[0]}, {"a": 2.5, "t": None, "n": None, "b": None}]


def read(folder: Path, name: str, content: bytes) -> list[dict[str, Any]]:
    (folder / name).write_bytes(content)
    rows: list[dict[str, Any]] = read_raw_file(RawFile(folder / name, ""), Source(name)).to_pylist()
    assert read_json_head(io.BytesIO(content), name, Source(name), 100).rows.to_pylist() == rows
    return rows


def test_lines_and_arrays_give_the_same_rows(tmp_path: Path) -> None:
    """Strings that look like times stay text, at every level."""
    lines = "\n".join(map(json.dumps, ROWS)).encode()
    for name in ("a.jsonl", "a.ndjson", "a.json"):
        assert read(tmp_path, name, lines) == EXPECTED
    assert read(tmp_path, "a.json", json.dumps(ROWS, indent=2).encode()) == EXPECTED
    assert read(tmp_path, "a.jsonl.gz", gzip.compress(lines)) == EXPECTED


def test_the_head_of_a_large_array() -> None:
    content = json.dumps([{"i": index, "text": "x" * 300} for index in range(10_000)], indent=1).encode()
    head = read_json_head(io.BytesIO(content), "a.json", Source("a.json"), 50)
    assert (head.rows["i"].to_pylist(), head.is_complete) == (list(range(50)), False)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b'[{"a": 9007199254740993}, {"a": 1.5}]', "a"),
        (b'{"a": 9007199254740993}\n{"a": 1.5}', "a"),
        (b'{"a": {"x": 9007199254740993}}\n{"a": {"x": 0.5}}', "a"),
        (b'{"a": [{"x": [9007199254740993, 0.5]}, {}]}\n{"a": null}', "a"),
        (b'{"a": [null, {"x": [1]}]}', "json"),
        (b'{"a": 1}\n{"a": "x"}', ["number", "string"]),
        (b'[{"a": 1, "a": 2}]', "a"),
        (b"[1, 2]", ["objects", "int"]),
        (b'{"a": 1', "json"),
        (b'[{"a": 1}', "JSON"),
        (b"[]", "no objects"),
    ],
)
def test_invalid_files(tmp_path: Path, content: bytes, named: str | list[Any]) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with refused(what=named, where="a.json"):
        read_raw_file(RawFile(tmp_path / "a.json", ""), Source("a.json"))
