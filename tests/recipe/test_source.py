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
