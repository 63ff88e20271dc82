import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib.data.formats.read import read_raw_file
from firelib.data.sources.raw_file import RawFile
from firelib.recipe import Source
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
        ("a.csv", b"", "csv"),
        ("a.csv.gz", gzip.compress(CSV * 100)[:-30], "csv"),
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


def test_an_archive_of_two_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV)
    with refused(what=[1, 2, "a.zip"], where="a.zip", remedy="unpack"):
        read_raw_file(RawFile(tmp_path / "a.zip", ""), Source("a.zip"))
