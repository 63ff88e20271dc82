import errno
import os
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from firelib.ray_setup import session_folder
from firelib.storage import Owner
from tests.errors import refused
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


def test_session_in_a_long_folder_gets_a_short_path_during_the_block(
    long_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(long_folder))
    with session_folder.choose_session_folder() as folder:
        private = Path(folder).parent
        assert Path(folder).resolve().parent.parent == long_folder
        assert session_folder.fits_sockets(folder)
        for each in (private, Path(folder).resolve().parent):
            assert stat.S_IMODE(each.stat().st_mode) == 0o700
    assert not private.exists()
    assert list(long_folder.iterdir()) == []


def test_longest_folder_without_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        folder = Path(short)
        for length, is_linked in (
            (session_folder.longest_folder(), False),
            (session_folder.longest_folder() + 1, True),
        ):
            parent = folder / ("x" * (length - len(short) - 1))
            monkeypatch.setenv("RAY_TMPDIR", str(parent))
            with session_folder.choose_session_folder() as sessions:
                assert (parent in Path(sessions).parents) is not is_linked


def test_no_usable_folder_is_refused_with_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/proc/1")
    monkeypatch.setattr(session_folder, "is_writable", lambda _: False)
    with (
        refused(what=["/proc/1", "/var/tmp"], where="RAY_TMPDIR", remedy=f"{session_folder.longest_folder()} bytes"),
        session_folder.choose_session_folder(),
    ):
        pass


def test_folders_of_other_hosts_and_without_locks_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Owner.current()
    for name, owner in (("here", here), ("there", replace(here, host=f"{'0' * 32}_1"))):
        (tmp_path / f"firelib-ray-{name}").mkdir()
        (tmp_path / f"firelib-ray-{name}/owner").write_text(owner.token)
    monkeypatch.setattr("psutil.disk_partitions", lambda **_: [SimpleNamespace(mountpoint="/", fstype="nfs4")])
    with session_folder.temporary_folder(str(tmp_path)) as folder:
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {"firelib-ray-there", Path(folder).name}
    with monkeypatch.context() as context:
        context.setattr("fcntl.flock", refuse_locks)
        with session_folder.temporary_folder(str(tmp_path)) as folder:
            assert [path.name for path in Path(folder).iterdir()] == [".owner"]
    assert not Path(folder).exists()


def refuse_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


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


def test_owner_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """Any user can create them in the folder for temporary files."""
    owners = [tmp_path / f"firelib-ray-{name}" / "owner" for name in ("bytes", "link", "fifo", "folder")]
    for owner in owners:
        owner.parent.mkdir()
    garbled, link, fifo, folder = owners
    garbled.write_bytes(b"\xff\xfe")
    link.symlink_to("/dev/zero")
    os.mkfifo(fifo)
    folder.mkdir()
    with session_folder.temporary_folder(str(tmp_path)):
        pass
    assert all(owner.parent.exists() for owner in (link, fifo, folder))
