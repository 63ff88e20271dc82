from dataclasses import replace
from typing import Any

import pytest

from firelib.recipe import CsvDialect, Source
from tests.errors import refused


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_download_requires_its_hash(scheme: str) -> None:
    uri = f"{scheme}://example.org/rows.csv"
    with refused(what=[uri, "sha256"], where=uri, remedy="sha256"):
        Source(uri)


def test_copies_require_the_hash() -> None:
    with refused(what=["rows.csv", "sha256", "copies"], where="rows.csv", remedy="sha256"):
        Source("rows.csv", copies=("other.csv",))


def test_unknown_types_are_refused_at_once() -> None:
    types = {"a": "strng", "b": "decimal(39, 0)", "c": "decimal(2, 3)", "d": "int64", "e": "float16"}
    named = [("a", "strng"), ("b", "decimal(39, 0)"), ("c", "decimal(2, 3)"), ("e", "float16")]
    with refused(what=list(named), where="rows.csv", remedy="string"):
        Source("rows.csv", types=types)
    Source("rows.csv", types={"a": "timestamp(Europe/Berlin)", "b": "decimal(38, 38)", "c": "date"})


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:hidden1@host/shop",
        "postgresql://host/shop?user=me&password=hidden1",
        "https://me:hidden1@host/rows.csv",
    ],
)
def test_passwords_are_refused_and_not_shown(uri: str) -> None:
    with refused(what="password", remedy="PGPASSWORD") as caught:
        Source(uri, sha256="0" * 64)
    assert "hidden1" not in str(caught.value)


def test_several_uris() -> None:
    source = Source(["a.csv", "b.csv"])  # type: ignore[arg-type]
    assert source.uris == ("a.csv", "b.csv")
    assert Source("a.csv").uris == ("a.csv",)
    assert replace(source, types={"x": "string"}).uris == source.uris


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"delimiter": ";;"}, "delimiter"),
        ({"delimiter": ",", "decimal": ","}, "decimal"),
        ({"encoding": "utf-9"}, "utf-9"),
        ({"skip_rows": -1}, "skip_rows"),
        ({"header": "id"}, "header"),
        ({"quote": "", "comment": "//"}, [("quote",), ("comment", "//")]),
    ],
)
def test_invalid_dialects(options: dict[str, Any], named: Any) -> None:
    with refused(what=named, remedy="CsvDialect"):
        CsvDialect(**options)


def test_a_default_of_none_is_refused() -> None:
    with refused(what=["defaults", "gate"], where="rows.csv", remedy="null"):
        Source("rows.csv", defaults={"gate": None})
