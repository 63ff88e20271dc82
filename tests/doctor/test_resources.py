import tempfile
from pathlib import Path

import fsspec
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


def test_bucket_without_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    fsspec.filesystem("gs").clear_instance_cache()
    finding = check_storage("gs://bucket/prefix", tmp_path)
    assert finding.status == "error"
    assert "gs://bucket/prefix" in finding.detail
    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(finding.remedy)


def test_home_folder(tmp_path: Path) -> None:
    assert check_home(tmp_path).status == "ok"
    for bad in (Path("/proc/1"), Path(tempfile.gettempdir(), "firelib-7")):
        assert check_home(bad).status == "warning"
