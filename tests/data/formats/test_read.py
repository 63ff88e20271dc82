import csv
import gzip
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib.data.formats.read import read_raw_file
from firelib.data.sources.raw_file import RawFile
from firelib.recipe import Feature, Recipe, Source
from tests.errors import refused

CSV = b"id,word,none\n1,a,NA\n2,NA,\n"
TABLE = pa.table({"id": [1, 2], "word": ["a", None], "none": pa.array([None, None], pa.string())})


def write_csv(path: Path) -> None:
    path.write_bytes(CSV)


def write_gz(path: Path) -> None:
    path.write_bytes(gzip.compress(CSV))


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/rows.csv", CSV)


def write_parquet(path: Path) -> None:
    pq.write_table(TABLE, path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv", write_csv),
        ("A.CSV", write_csv),
        ("a.csv.gz", write_gz),
        ("a.csv.zip", write_zip),
        ("a.txt", write_csv),
        ("a", write_csv),
        ("a.zip", write_zip),
        ("a.parquet", write_parquet),
        ("a", write_parquet),
    ],
)
def test_files_of_each_format(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    write(tmp_path / name)
    assert read_raw_file(RawFile(tmp_path / name, ""), Source(name)).equals(TABLE)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.csv", b"id,word\n1,a,b\n", "csv"),
        ("a.csv.gz", gzip.compress(CSV * 100, mtime=0)[:-30], "csv"),
        ("a.csv.gz", CSV, "csv"),
        ("a.zip", b"no archive", "csv"),
        ("a.parquet", CSV, "parquet"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    where = [f"https://example.org/{name}", tmp_path / name]
    with refused(what=kind, where=where, remedy=[kind, "format="]):
        read_raw_file(RawFile(tmp_path / name, ""), Source(f"https://example.org/{name}", sha256="0"))


def test_a_pointer_of_git_lfs(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with refused(what="Git LFS", where=path, remedy="git lfs pull"):
        read_raw_file(RawFile(path, ""), Source(path.name))


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "json", "jsonl", "arrow", "parquet", "zip"])
def test_empty_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.touch()
    with refused(what="empty", where=path, remedy="another"):
        read_raw_file(RawFile(path, ""), Source(path.name))


def test_an_archive_of_two_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV)
    with refused(what=[1, 2, "a.zip"], where="a.zip", remedy="unpack"):
        read_raw_file(RawFile(tmp_path / "a.zip", ""), Source("a.zip"))


ODD = (
    "zip,ver,code,flag,id,other,clock,wide,price\n00001,1.10,3E2,True,007,007,10:30,12345678901234567890,1.10\n"
    "2,2.0,x,no,8,8,11:00,1,2.5\n"
)


class Odd(Recipe):
    """Text features whose values look like numbers."""

    features = tuple(Feature(name, "string") for name in ("zip", "ver", "code", "flag"))
    label = Feature("other", "int64")
    key = ("id",)


def test_text_that_looks_like_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ODD)
    source = Source("a.csv", types={"price": "decimal(10, 2)"})
    table = read_raw_file(RawFile(tmp_path / "a.csv", ""), source, Odd(), "t")
    first = {name: values[0] for name, values in table.to_pydict().items()}
    assert first == {
        "zip": "00001",
        "ver": "1.10",
        "code": "3E2",
        "flag": "True",
        "id": "007",
        "other": 7,
        "clock": "10:30",
        "wide": "12345678901234567890",
        "price": Decimal("1.10"),
    }


def test_integers_that_floats_would_round(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,size,share\n9007199254740993,1e16,9007199254740991\n1.5,1.5,0.5\n")
    table = read_raw_file(RawFile(tmp_path / "a.csv", ""), Source("a.csv"))
    assert table.to_pydict() == {
        "id": ["9007199254740993", "1.5"],
        "size": [1e16, 1.5],
        "share": [9007199254740991.0, 0.5],
    }


def test_values_that_span_lines(tmp_path: Path) -> None:
    """A file of several of Arrow's blocks of 1 MiB, whose borders lie inside quoted values."""
    texts = [f'line one, of {index}\n"two"\n{"x" * 300}\n\nlast' for index in range(6_000)]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "id"), *((text, index) for index, text in enumerate(texts))])
    table = read_raw_file(RawFile(tmp_path / "a.csv", ""), Source("a.csv"))
    assert table["text"].to_pylist() == texts
    assert table["id"].to_pylist() == list(range(6_000))


@pytest.mark.parametrize(
    ("content", "types", "named"),
    [
        ("id,city\n1,Bern\n2,Zürich\n", {}, ["city", r"b'Z\xfcrich'"]),
        ("id,city\n1,Zürich\n", {"city": "string"}, "UTF-8"),
        ("id,größe\n1,2\n", {}, r"b'gr\xf6\xdfe'"),
    ],
)
def test_another_encoding(tmp_path: Path, content: str, types: dict[str, str], named: str | list[str]) -> None:
    (tmp_path / "a.csv").write_text(content, "latin-1")
    with refused(what=named, where="a.csv", remedy=["encoding", "bytes"]):
        read_raw_file(RawFile(tmp_path / "a.csv", ""), Source("a.csv", types=types))
    if "city" in content:
        table = read_raw_file(RawFile(tmp_path / "a.csv", ""), Source("a.csv", types={"city": "bytes"}))
        assert table["city"].to_pylist()[-1] == "Zürich".encode("latin-1")


def test_declared_types_of_other_formats(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["007"], "zip": [1]}), tmp_path / "a.parquet")
    table = read_raw_file(RawFile(tmp_path / "a.parquet", ""), Source("a.parquet", types={"zip": "string"}), Odd())
    assert table.to_pydict() == {"id": ["007"], "zip": ["1"]}


def test_a_value_that_does_not_have_the_declared_type(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1_0\n")
    with refused(what="1_0", where=["t", "a.csv"]):
        read_raw_file(RawFile(tmp_path / "a.csv", ""), Source("a.csv", types={"x": "int64"}), table="t")


def test_a_repeated_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,x\n1,2,3\n")
    with refused(what="x", where=["t", "a.csv"]):
        read_raw_file(RawFile(tmp_path / "a.csv", ""), Source("a.csv"), Odd(), "t")


def test_the_folder_of_a_parquet_file_adds_no_column(tmp_path: Path) -> None:
    path = tmp_path / "year=2013" / "a.parquet"
    path.parent.mkdir()
    pq.write_table(TABLE, path)
    assert read_raw_file(RawFile(path, ""), Source(str(path))).equals(TABLE)
