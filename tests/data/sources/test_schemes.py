import subprocess
import sys

import pytest

from firelib.data.sources.http import download
from firelib.data.sources.local import find_local_file
from firelib.data.sources.package import find_package_file
from firelib.data.sources.schemes import Fetcher, check_scheme, find_fetcher
from tests.errors import refused
from tests.patience import patience


@pytest.mark.parametrize(
    ("uri", "fetcher"),
    [
        ("rows.csv", find_local_file),
        ("/data/rows.csv", find_local_file),
        ("file:///data/rows.csv", find_local_file),
        ("http://example.org/rows.csv", download),
        ("https://example.org/rows.csv", download),
        ("pkg://package/rows.csv", find_package_file),
    ],
)
def test_the_scheme_decides(uri: str, fetcher: Fetcher) -> None:
    check_scheme(uri)
    assert find_fetcher(uri) == fetcher


@pytest.mark.parametrize(
    ("uri", "nearest"), [("htp://x/rows.csv", "http"), ("HTTPS://x/rows.csv", "https"), ("pgk://x/rows.csv", "pkg")]
)
def test_an_unknown_scheme_is_refused_with_the_nearest(uri: str, nearest: str) -> None:
    for find in (check_scheme, find_fetcher):
        with refused(what=[uri.partition(":")[0], "file", "http", "https", "pkg"], where=uri, remedy=nearest):
            find(uri)


def test_only_downloads_import_httpx() -> None:
    code = """
import sys
from firelib.data import extract
from firelib.data.sources.schemes import check_scheme, find_fetcher
find_fetcher("pkg://package/rows.csv"), find_fetcher("rows.csv"), check_scheme("https://example.org/rows.csv")
assert "httpx" not in sys.modules
find_fetcher("https://example.org/rows.csv")
assert "httpx" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=patience(120))
