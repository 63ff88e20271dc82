import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from firelib.ray_setup import session_folder
from tests.project import ROOT

LONG = "a_rather_long_temporary_directory_of_a_batch_job/1355700/tmp.t0016"


@pytest.fixture
def long_folder(tmp_path: Path) -> Path:
    folder = tmp_path / LONG
    folder.mkdir(parents=True)
    return folder


def test_default_folder_is_that_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._common.utils import get_default_ray_temp_dir

    for name in ("RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    assert session_folder.ray_temp_dir() == get_default_ray_temp_dir()
    for name in ("TMPDIR", "RAY_TMPDIR"):
        monkeypatch.setenv(name, f"/{name}")
        assert session_folder.ray_temp_dir() == get_default_ray_temp_dir() == f"/{name}/ray"


def test_fits_sockets_agrees_with_ray() -> None:
    from ray._private.utils import validate_socket_filepath

    rest = f"/session_2026-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store"
    longest = "/" + "x" * (107 - len(rest) - 1)
    validate_socket_filepath(longest + rest)
    assert session_folder.fits_sockets(longest)
    with pytest.raises(OSError, match="107"):
        validate_socket_filepath(f"{longest}x{rest}")
    assert not session_folder.fits_sockets(f"{longest}x")


def test_long_folder_is_replaced_during_the_block(long_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(long_folder))
    with session_folder.choose_session_folder() as folder:
        private = Path(folder).parent
        assert long_folder not in private.parents
        assert session_folder.fits_sockets(folder)
        assert private.stat().st_uid == os.getuid()
    assert not private.exists()


def test_read_only_folder_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/proc/1")
    with session_folder.choose_session_folder() as folder:
        assert not folder.startswith("/proc/1/")


def test_sessions_are_private_and_below_the_chosen_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as parent:
        monkeypatch.setenv("RAY_TMPDIR", f"{parent}/new")
        with session_folder.choose_session_folder() as folder:
            private = Path(folder).parent
            assert private.parent == Path(parent, "new")
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
            assert len(folder) == len(session_folder.session_path(f"{parent}/new"))
        assert list(Path(parent, "new").iterdir()) == []


def test_folder_of_a_killed_process_is_removed_and_others_are_kept(tmp_path: Path) -> None:
    code = "import os, sys, firelib.ray_setup.session_folder as s\nwith s.temporary_folder(sys.argv[1]): os._exit(1)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    (left,) = tmp_path.iterdir()
    foreign = tmp_path / "firelib-ray-notes"
    foreign.mkdir()
    with session_folder.temporary_folder(str(tmp_path)) as first, session_folder.temporary_folder(str(tmp_path)):
        assert not left.exists()
        assert Path(first).exists()
    assert list(tmp_path.iterdir()) == [foreign]
