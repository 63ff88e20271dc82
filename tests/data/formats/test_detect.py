from pathlib import Path

import pytest

from firelib.data.formats.detect import check_format, detect_format
from firelib.recipe import Source
from tests.errors import refused


def detect(folder: Path, source: Source, name: str, content: bytes = b"") -> str:
    (folder / name).write_bytes(content)
    return detect_format(source, folder / name).name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rows.csv", "csv"),
        ("rows.csv.zst", "csv"),
        ("adult.data", "csv"),
        ("rows", "csv"),
        ("ROWS.GZ", "csv"),
        ("dump-2.0", "csv"),
        ("rows.parquet", "parquet"),
        ("rows.idx", "idx"),
        ("train-images-idx3-ubyte.gz", "idx"),
    ],
)
def test_the_name_decides(tmp_path: Path, name: str, kind: str) -> None:
    check_format(Source(name))
    assert detect(tmp_path, Source(name), name) == kind


@pytest.mark.parametrize(("content", "kind"), [(b"PAR1\x15\x04", "parquet"), (b"\0\0\x08\x01", "idx"), (b"a,b", "csv")])
def test_the_first_bytes_decide_where_the_name_does_not(tmp_path: Path, content: bytes, kind: str) -> None:
    assert detect(tmp_path, Source("https://example.org/download?id=1.csv", sha256="0"), "download", content) == kind


def test_the_declared_format_decides_first(tmp_path: Path) -> None:
    source = Source("rows.parquet", format="csv")
    check_format(source)
    assert detect(tmp_path, source, "rows.idx", b"PAR1") == "csv"


def test_the_uri_decides_before_the_name_of_a_copy(tmp_path: Path) -> None:
    assert detect(tmp_path, Source("pkg://package/rows.parquet"), "0123-rows.bin") == "parquet"


@pytest.mark.parametrize(
    ("source", "named", "remedy"),
    [
        (Source("rows.parqet"), ["parqet", "csv", "idx", "parquet"], "parquet"),
        (Source("rows.parqet.gz"), ["parqet.gz", "parquet"], "parquet"),
        (Source("rows.parquet.gz"), ["parquet.gz", "parquet"], "parquet"),
        (Source("rows.csv", format="cvs"), ["cvs", "csv", "idx", "parquet"], "csv"),
        (Source("https://example.org/get.php?x=rows.csv", sha256="0"), ["php", "csv"], "format='csv'"),
    ],
)
def test_an_unknown_format_is_refused_with_the_nearest(
    tmp_path: Path, source: Source, named: list[str], remedy: str
) -> None:
    with refused(what=named, where=source.uri, remedy=remedy):
        check_format(source)
    with refused(what=named, where=source.uri, remedy=remedy):
        detect(tmp_path, source, source.uri.rpartition("/")[2].partition("?")[0], b"a,b")
