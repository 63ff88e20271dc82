from pathlib import Path

import psutil
import pytest

from firelib.ray_setup import object_store
from tests.full_disk import small_disk


def test_object_store_fits_into_little_shared_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "shm", 1024):
        monkeypatch.setattr(object_store, "_SHM", tmp_path / "shm")
        assert object_store.choose_object_store_bytes() is None
    assert str(tmp_path / "shm") in capsys.readouterr().err
    if psutil.virtual_memory().available < 8 * 2**30:
        pytest.skip("Ray would take less than 2 GiB here")
    with small_disk(tmp_path / "shm", 2 << 20):
        assert object_store.choose_object_store_bytes() == int(2 * 2**30 * 0.95)
    assert capsys.readouterr().err == ""
