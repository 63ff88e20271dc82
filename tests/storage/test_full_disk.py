import errno
from pathlib import Path

import pytest

from firelib import storage
from tests.errors import refused
from tests.full_disk import small_disk


def test_a_full_disk_is_explained_and_the_old_file_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64):
        storage.write_bytes(str(tmp_path / "disk" / "value"), b"old")
        with refused(what="disk", where=tmp_path / "disk" / "value", remedy="space"):
            storage.write_bytes(str(tmp_path / "disk" / "value"), bytes(2**20))
        assert {path.name for path in (tmp_path / "disk").iterdir()} == {"value"}
        assert storage.read_bytes(str(tmp_path / "disk" / "value")) == b"old"


def test_other_system_errors_are_unchanged() -> None:
    with pytest.raises(PermissionError), storage.explain_full_disk("somewhere"):
        raise PermissionError(errno.EACCES, "no")


def test_a_full_disk_is_recognised_by_its_text() -> None:
    with refused(what="disk", where="somewhere", remedy="space"), storage.explain_full_disk("somewhere"):
        raise RuntimeError("Generic LocalFileSystem error: No space left on device (os error 28)")
