import tempfile
from pathlib import Path

import pytest

from firelib.doctor.resources import check_disk, check_home, check_memory, check_storage
from tests.full_disk import small_disk

GIB = 2**30


@pytest.mark.parametrize(("free", "status"), [(0.5, "error"), (2, "warning"), (8, "ok")])
def test_memory(free: float, status: str) -> None:
    finding = check_memory(int(free * GIB))
    assert finding.status == status
    assert finding.detail == f"{free:.1f} GiB free"


def test_small_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1024):
        finding = check_disk("disk", tmp_path / "disk" / "not" / "there" / "yet")
        assert finding.status == "error"
        assert str(tmp_path / "disk") in str(finding.remedy)
        assert check_storage(str(tmp_path / "disk"), tmp_path).status == "error"


def test_remote_storage_is_not_measured(tmp_path: Path) -> None:
    assert check_storage("gs://bucket/prefix", tmp_path).detail == "gs://bucket/prefix is remote"


def test_home_folder(tmp_path: Path) -> None:
    assert check_home(tmp_path).status == "ok"
    for bad in (Path("/proc/1"), Path(tempfile.gettempdir(), "firelib-7")):
        assert check_home(bad).status == "warning"
