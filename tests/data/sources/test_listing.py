from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from firelib.data.preview import preview_source
from firelib.data.sources.fetch import fetch
from firelib.data.sources.listing import is_data, list_files
from firelib.data.sources.load_table import load_table
from firelib.project_layout import Paths
from firelib.recipe import Source
from tests.errors import refused


def test_names_with_signs_of_patterns_are_files(tmp_path: Path) -> None:
    (tmp_path / "a[1]*.csv").touch()
    (file,) = list_files(Source(str(tmp_path / "a[1]*.csv")))
    assert (file.name, file.is_listed) == ("a[1]*.csv", False)


def test_a_pattern_of_several_levels(tmp_path: Path) -> None:
    for name in ("x/b.csv", "x/y/a.csv", "x/y/_tmp/c.csv", "x/y/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [file.name for file in list_files(Source(f"{tmp_path}/**/*.csv"))] == ["x/b.csv", "x/y/a.csv"]
    assert [file.name for file in list_files(Source("x"), tmp_path)] == ["b.csv", "y/a.csv", "y/d.txt"]


def test_links_and_repeated_patterns(tmp_path: Path) -> None:
    """A folder and a pattern follow links alike, and no file is there twice, even if links form a loop."""
    for name in ("a/x/1.csv", "other/2.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a/link").symlink_to(tmp_path / "other")
    (tmp_path / "a/x/above").symlink_to(tmp_path)
    (tmp_path / "other/back").symlink_to(tmp_path / "a")
    (tmp_path / "a/gone.csv").symlink_to(tmp_path / "nothing")
    for uri in ("a", "a/**/*.csv", "a/**/**/*.csv", f"{tmp_path}/a/"):
        assert [file.name for file in list_files(Source(uri), tmp_path)] == ["gone.csv", "link/2.csv", "x/1.csv"]


def test_files_that_are_named_twice(tmp_path: Path) -> None:
    (tmp_path / "1.csv").touch()
    with refused(what="1.csv", where="*.csv"):
        list_files(Source(("*.csv", "./1.csv")), tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"), [("a/b.csv", True), ("_year=1/b.csv", True), ("_SUCCESS", False), ("a/.b.crc", False)]
)
def test_hidden_files_are_no_data(name: str, expected: bool) -> None:
    assert is_data(name) == expected


def test_nothing_found(tmp_path: Path) -> None:
    with refused(what="*.csv", where=tmp_path):
        list_files(Source(f"{tmp_path}/*.csv"))
    with refused(what=tmp_path, where=tmp_path):
        list_files(Source(str(tmp_path)))
    with refused(what="pattern", where="https://example.org/*.csv", remedy="sha256"):
        list_files(Source("https://example.org/*.csv", sha256="0" * 64))


def test_a_folder_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "listed_package/data").mkdir(parents=True)
    (tmp_path / "listed_package/__init__.py").touch()
    (tmp_path / "listed_package/data/a.csv").write_text("x\n1\n")
    monkeypatch.syspath_prepend(tmp_path)
    paths = Paths("t", str(tmp_path), tmp_path)
    assert load_table(Source("pkg://listed_package/data"), paths).rows["x"].to_pylist() == [1]
    assert preview_source(Source("pkg://listed_package/data/*.csv"), paths)["x"].to_pylist() == [1]


def test_buckets(bucket: str, tmp_path: Path) -> None:
    fs, root = fsspec.core.url_to_fs(bucket)
    for name, content in {"parts/b.csv": b"x\n2\n", "parts/a.csv": b"x\n1\n", "parts/_log": b"no"}.items():
        fs.pipe_file(f"{root}/{name}", content)
    paths = Paths("t", str(tmp_path), tmp_path)
    for uri in (f"{bucket}/parts", f"{bucket}/parts/", f"{bucket}/parts/*.csv"):
        assert load_table(Source(uri), paths).rows["x"].to_pylist() == [1, 2]
        assert preview_source(Source(uri), paths)["x"].to_pylist() == [1, 2]
    kept = sorted(paths.downloads.iterdir())
    assert len(kept) == 2
    assert fetch(Source(f"{bucket}/parts/a.csv"), paths.downloads).files[0].path in kept
    fs.pipe_file(f"{root}/parts/a.csv", b"x\n3\n")
    assert load_table(Source(f"{bucket}/parts"), paths).rows["x"].to_pylist() == [3, 2]
    for uri in (f"{bucket}/none/", f"{bucket}/none*.csv", f"{bucket}/none.csv"):
        with refused(what=uri, where=uri):
            load_table(Source(uri), paths)


def test_a_delta_table_in_a_bucket(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not bucket.startswith("s3"):
        pytest.skip("the Delta library does not know the address of the emulated Google Cloud Storage")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    write_deltalake(f"{bucket}/delta", pa.table({"x": [2, 1]}))
    paths = Paths("t", str(tmp_path), tmp_path)
    for uri in (f"{bucket}/delta", f"delta+{bucket}/delta"):
        loaded = load_table(Source(uri), paths)
        assert (loaded.version, loaded.rows["x"].to_pylist()) == (0, [1, 2])
