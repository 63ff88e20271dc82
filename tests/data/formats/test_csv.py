"""Dialects of CSV, and what is said about files that have another one."""

import gzip
import io
from pathlib import Path
from typing import Any

import pytest

from firelib.data.formats.csv import read_csv, read_csv_head
from firelib.data.formats.missing_markers import find_missing_markers
from firelib.recipe import CsvDialect, Source
from tests.errors import refused


@pytest.mark.parametrize(
    ("name", "content", "dialect", "rows"),
    [
        ("a.csv", b"id;x\n1;2,5\n2;3,5\n", {"delimiter": ";", "decimal": ","}, {"id": [1, 2], "x": [2.5, 3.5]}),
        ("a.tsv", b"id\tx\n1\ta,b\n", {}, {"id": [1], "x": ["a,b"]}),
        ("a.tsv.gz", gzip.compress(b"id\tx\n1\tb\n"), {}, {"id": [1], "x": ["b"]}),
        ("a.csv", b"id,x\n1,'a,b'\n", {"quote": "'"}, {"id": [1], "x": ["a,b"]}),
        ("a.csv", b'id,x\n1,"\n', {"quote": None}, {"id": [1], "x": ['"']}),
        ("a.csv", b'id,x\n1,"a\\"b"\n', {"escape": "\\"}, {"id": [1], "x": ['a"b']}),
        ("a.csv", "größe\nZürich\n".encode("latin-1"), {"encoding": "latin-1"}, {"größe": ["Zürich"]}),
        ("a.csv", "größe,x\nZürich,1\n".encode("utf-16"), {"encoding": "utf-16"}, {"größe": ["Zürich"], "x": [1]}),
        ("a.csv", b"1,a\n2,b\n", {"header": False}, {"f0": [1, 2], "f1": ["a", "b"]}),
        ("a.csv", b"1,a\n2,b\n", {"header": ("id", "x")}, {"id": [1, 2], "x": ["a", "b"]}),
        ("a.csv", b"about\n\nid,x\n1,a\n", {"skip_rows": 2}, {"id": [1], "x": ["a"]}),
        ("a.csv", b"# about\nid,x\n1,a\n#2,b\n3,c\n", {"comment": "#"}, {"id": [1, 3], "x": ["a", "c"]}),
        ("a.csv", b'id,x\n1,"a\n#b"\n#"\n3,"c""\n#"\n', {"comment": "#"}, {"id": [1, 3], "x": ["a\n#b", 'c"\n#']}),
        (
            "a.csv",
            b"id,x\n1,'a\\'\n#b'\n#",
            {"comment": "#", "quote": "'", "escape": "\\"},
            {"id": [1], "x": ["a'\n#b"]},
        ),
        ("a.csv", b'"about\n#b\nid\n1\n', {"comment": "#", "skip_rows": 1}, {"id": [1]}),
        ("a.csv", b'id,x\n1,a"\n#b\n', {"comment": "#"}, {"id": [1], "x": ['a"']}),
    ],
)
def test_dialects(tmp_path: Path, name: str, content: bytes, dialect: dict[str, Any], rows: dict[str, Any]) -> None:
    (tmp_path / name).write_bytes(content)
    source = Source(name, csv=CsvDialect(**dialect) if dialect else None)
    assert read_csv(tmp_path / name, source).to_pydict() == rows
    head = read_csv_head(io.BytesIO(content), name, source, 100)
    assert (head.rows.to_pydict(), head.is_complete) == (rows, True)


@pytest.mark.parametrize("content", [b"id;x\n1;2\n", b"id;x\n1;2,5\n"], ids=["one column", "rows of two"])
def test_another_delimiter_is_suggested(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with refused(what="id;x", where="a.csv", remedy="CsvDialect(delimiter=';')"):
        read_csv(tmp_path / "a.csv", Source("a.csv"))
    one = read_csv(tmp_path / "a.csv", Source("a.csv", csv=CsvDialect(delimiter="|")))
    assert one.column_names == ["id;x"]


def test_utf_16_is_suggested_by_its_mark(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id,x\n1,ü\n".encode("utf-16"))
    with refused(what="UTF-8", where="a.csv", remedy="utf-16"):
        read_csv(tmp_path / "a.csv", Source("a.csv"))


def test_a_text_with_another_encoding_than_declared(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,x\n1,\xff\n")
    with refused(what="ASCII", where="a.csv", remedy="encoding"):
        read_csv(tmp_path / "a.csv", Source("a.csv", csv=CsvDialect(encoding="ascii")))


def test_only_the_first_block_is_read() -> None:
    class Counted(io.BytesIO):
        total = 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            self.total += len(found)
            return found

    file = Counted(b"id,text\n" + b"".join(b"%d,%s\n" % (index, b"x" * 100) for index in range(300_000)))
    head = read_csv_head(file, "a.csv", Source("a.csv"), 200)
    assert (head.rows["id"].to_pylist(), head.is_complete) == (list(range(200)), False)
    assert file.total <= 8 << 20  # of 32 MiB


def test_words_among_numbers_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("size,word,id\n1,a,1\n2.5,b,2\nN/A,c,3\n-,d,4\n4,5,5\n")
    table = read_csv(tmp_path / "a.csv", Source("a.csv"))
    assert find_missing_markers(table) == {"size": ["-", "N/A"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32", "shift_jis"])
def test_the_head_of_a_large_file_ends_with_a_line(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of UTF-16, a byte 10 may also be half of a character, such as U+0A0A."""
    text = "id,x\n" + "".join(f"{index},{'ąਊ' if encoding.startswith('utf') else 'ソ'}\n" for index in range(500))
    for size in range(1000, 1006):
        monkeypatch.setattr("firelib.data.formats.csv_input._HEAD_BYTES", size)
        source = Source("a.csv", csv=CsvDialect(encoding=encoding))
        head = read_csv_head(io.BytesIO(text.encode(encoding)), "a.csv", source, 400)
        assert head.rows["id"].to_pylist() == list(range(head.rows.num_rows))
        assert (head.rows.num_rows > 20, head.is_complete) == (True, False)


def test_comments_in_a_text_with_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,x\n1,\xff\n")
    with refused(what="ASCII", where="a.csv", remedy="encoding"):
        read_csv(tmp_path / "a.csv", Source("a.csv", csv=CsvDialect(encoding="ascii", comment="#")))
