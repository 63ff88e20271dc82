"""Archives of code that state too much."""

import zipfile
from pathlib import Path

import pytest

from firelib.launch.transfer import bounded_archive
from firelib.launch.transfer.bounded_archive import unpack_zip
from tests.errors import refused


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "code.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("recipe.py", b"\n" * (3 << 20))
        package.writestr("../outside.py", b"pass")
    return file


def test_members_stay_inside(archive: Path, tmp_path: Path) -> None:
    unpack_zip(archive, tmp_path / "there", "a test")
    assert {path.name for path in (tmp_path / "there").iterdir()} == {"recipe.py", "outside.py"}
    assert not (tmp_path / "outside.py").exists()


@pytest.mark.parametrize(
    ("limit", "value", "found"), [("MAX_CODE_BYTES", 2 << 20, "3 MiB"), ("MAX_CODE_FILES", 1, "2")]
)
def test_limits(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, found: str
) -> None:
    monkeypatch.setattr(bounded_archive, limit, value)
    with refused(what=found, where=archive, remedy="submit"):
        unpack_zip(archive, tmp_path / "there", str(archive))
    assert not (tmp_path / "there").exists()


def test_a_truncated_archive(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-30])
    with refused(what="damaged", where=archive):
        unpack_zip(archive, tmp_path / "there", str(archive))
