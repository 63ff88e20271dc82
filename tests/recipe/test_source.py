import pytest

from firelib.recipe import Source
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
