import gzip
import hashlib
import os
from pathlib import Path

import pytest

from firelib.recipe import Source
from tests.data.sources.fetching import fetch
from tests.errors import refused

CONTENT = os.urandom(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_local_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(CONTENT)
    assert fetch(Source(str(path)), tmp_path).sha256 == SHA256
    assert fetch(Source(f"file://{path}", sha256=SHA256.upper()), tmp_path).path == path
    with refused(what=["sha256", SHA256, "0" * 64], where=path, remedy=["sha256", "recipe"]):
        fetch(Source(str(path), sha256="0" * 64), tmp_path)
    with refused(what=tmp_path / "nope.csv", where=tmp_path / "nope.csv", remedy="path"):
        fetch(Source(str(tmp_path / "nope.csv")), tmp_path)


@pytest.fixture
def compressed(tmp_path: Path) -> dict[str, Path]:
    """Files with the same content: plain, and compressed in two ways."""
    files = {
        "rows": CONTENT,
        "rows.gz": gzip.compress(CONTENT, 1, mtime=1),
        "other.gz": gzip.compress(CONTENT, mtime=2),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in files}


def test_a_compressed_file_is_identified_by_its_content(compressed: dict[str, Path], tmp_path: Path) -> None:
    of_file = hashlib.sha256(compressed["other.gz"].read_bytes()).hexdigest()
    for path in compressed.values():
        assert fetch(Source(str(path), sha256=SHA256), tmp_path).sha256 == SHA256
    assert fetch(Source(str(compressed["other.gz"]), sha256=of_file), tmp_path).sha256 == SHA256
    with refused(what=["sha256", SHA256, of_file], where=compressed["rows.gz"]):
        fetch(Source(str(compressed["rows.gz"]), sha256=of_file), tmp_path)


def test_the_folder_is_searched_before_copies_and_the_network(compressed: dict[str, Path], tmp_path: Path) -> None:
    def locate(folder: Path | None, *copies: str) -> Path:
        return fetch(Source("http://127.0.0.1:9/rows.gz", sha256=SHA256, copies=copies), tmp_path, folder).path

    assert locate(tmp_path, str(compressed["other.gz"])) == compressed["rows.gz"]
    compressed["rows.gz"].unlink()
    assert locate(tmp_path, str(compressed["other.gz"])) == compressed["rows"]
    assert locate(None, str(tmp_path / "nope"), str(compressed["other.gz"])) == compressed["other.gz"]
    compressed["rows"].write_bytes(b"else")
    with refused(what=["sha256", SHA256, hashlib.sha256(b"else").hexdigest()], where=compressed["rows"]):
        locate(tmp_path)


def test_the_folder_is_not_used_for_sources_without_a_hash(compressed: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "elsewhere" / "rows"
    source.parent.mkdir()
    source.write_bytes(b"mine")
    assert fetch(Source(str(source)), tmp_path, tmp_path).path == source
    with refused(what=[source, "sha256"], remedy="sha256"):
        Source(str(source), copies=("rows",))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with refused(what=tmp_path / "nope", where="FIRELIB_SOURCES"):
        fetch(Source("rows.csv"), tmp_path, tmp_path / "nope")


def test_an_unknown_scheme_is_refused(tmp_path: Path) -> None:
    with refused(what="htpps", where="htpps://example.org/rows.csv", remedy="https"):
        fetch(Source("htpps://example.org/rows.csv"), tmp_path)
