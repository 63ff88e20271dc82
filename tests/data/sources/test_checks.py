"""What is known about a source before anything is fetched."""

from pathlib import Path
from typing import Any

import pytest

from firelib.data.sources.checks import check_source, infers_types
from firelib.recipe import CsvDialect, Source
from tests.errors import refused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("rows.csv", "rows.parquet", "rows.jsonl", "parts/a.parquet", "pictures/a/1.png", "delta/_delta_log/0"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("uri", "options", "named"),
    [
        ("rows.csv", {"query": "select 1", "version": 1}, ["query=", "version="]),
        ("rows.csv", {"sheet": "a"}, "sheet="),
        ("rows.parquet", {"csv": CsvDialect()}, ["csv=", "CSV", "parquet"]),
        ("parts", {"csv": CsvDialect()}, ["csv=", "parquet"]),
        ("pictures", {"format": "images", "images": "path", "csv": CsvDialect()}, ["images=", "csv="]),
        ("sqlite:///a.db", {"table": "t", "union": True, "format": "csv"}, ["union=", "format="]),
    ],
)
def test_options_of_other_kinds_are_refused(
    folder: Path, uri: str, options: dict[str, Any], named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with refused(what=named, where=uri, remedy="remove"):
        check_source(Source(uri, **options))


@pytest.mark.parametrize(
    ("uri", "options", "expected"),
    [
        ("rows.csv", {}, True),
        ("rows.jsonl", {}, False),
        ("parts", {}, False),
        ("parts/*.parquet", {}, False),
        ("pictures", {"format": "images"}, False),
        ("delta", {}, False),
        ("sqlite:///a.db", {"table": "t"}, False),
        ("s3://bucket/rows.csv", {}, True),
        ("gone", {}, True),
    ],
)
def test_whether_types_are_inferred(
    folder: Path, uri: str, options: dict[str, Any], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert infers_types(Source(uri, **options)) == expected


def test_a_copy_makes_up_for_a_missing_file(folder: Path) -> None:
    source = Source("gone.csv", sha256="0" * 64, copies=(str(folder / "rows.csv"),))
    check_source(source)
    with refused(what="gone.csv"):
        check_source(Source("gone.csv", sha256="0" * 64, copies=("gone.csv",)))
