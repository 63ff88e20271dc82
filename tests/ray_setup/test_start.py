import errno
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from firelib.errors import FirelibError
from firelib.ray_setup import start as ray_start
from tests.full_disk import small_disk
from tests.odd_environments import AS_STRANGER, STRANGER, WITH_SMALL_SHM, clean, session

STATE = re.compile(r"load \d+\.\d on \d+ cores, \d+\.\d GiB")
LONG = "a_rather_long_temporary_directory_of_a_batch_job/1355700/tmp.t0016"


@pytest.fixture
def long_folder(tmp_path: Path) -> Path:
    folder = tmp_path / LONG
    folder.mkdir(parents=True)
    return folder


def test_rays_folder_is_the_one_that_ray_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._common.utils import get_default_ray_temp_dir

    for name in ("RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    assert ray_start.ray_temp_dir() == get_default_ray_temp_dir()
    for name in ("TMPDIR", "RAY_TMPDIR"):
        monkeypatch.setenv(name, f"/{name}")
        assert ray_start.ray_temp_dir() == get_default_ray_temp_dir() == f"/{name}/ray"


def test_a_folder_fits_as_long_as_ray_finds_so() -> None:
    from ray._private.utils import validate_socket_filepath

    rest = f"/session_2026-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store"
    longest = "/" + "x" * (107 - len(rest) - 1)
    validate_socket_filepath(longest + rest)
    assert ray_start.fits_sockets(longest)
    with pytest.raises(OSError, match="107"):
        validate_socket_filepath(f"{longest}x{rest}")
    assert not ray_start.fits_sockets(f"{longest}x")


def test_a_long_folder_is_replaced_for_the_time_of_the_block(
    long_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(long_folder))
    with ray_start.session_parent() as folder:
        assert folder is not None
        private = Path(folder).parent
        assert ray_start.fits_sockets(folder)
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert private.stat().st_uid == os.getuid()
    assert not private.exists()


def test_a_folder_that_cannot_be_written_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/proc/1")
    with ray_start.session_parent() as folder:
        assert folder is not None


def test_a_folder_that_serves_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    with ray_start.session_parent() as folder:
        assert folder is None


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "RAY_TMPDIR"),
        (PermissionError(errno.EACCES, "Permission denied"), "HOME"),
        (OSError(errno.EROFS, "Read-only file system"), "HOME"),
        (OSError("validate_socket_filename failed: AF_UNIX path length cannot exceed 107 bytes: /x"), "RAY_TMPDIR"),
        (ValueError("The plasma directory file does not exist"), "firelib doctor"),
    ],
    ids=["full", "denied", "read-only", "too long", "other"],
)
def test_what_another_try_would_repeat_is_not_tried_again(tmp_path: Path, error: Exception, remedy: str) -> None:
    tries = []

    def start() -> None:
        tries.append(1)
        raise error

    with pytest.raises(FirelibError) as caught:
        ray_start._start_with_retries(start, tmp_path)
    assert len(tries) == 1
    assert str(error) in caught.value.what
    assert str(tmp_path) in str(caught.value.where)
    assert remedy in str(caught.value.remedy)


def test_what_a_failed_try_left_is_gone_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_start, "_WAIT_SECONDS", 0.01)
    left: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        assert [process.poll() is None for process in left] == [False] * len(left)
        assert list(tmp_path.iterdir()) == []
        folder = tmp_path / f"session_2026-01-01_00-00-0{len(left)}_000000_{os.getpid()}"
        folder.mkdir()
        (tmp_path / "session_latest").symlink_to(folder)
        sleep = "import time; time.sleep(600)"
        left.append(subprocess.Popen([sys.executable, "-c", sleep, f"--session-dir={folder}"]))
        if len(left) < 3:
            raise Exception("The current node timed out during startup.")  # as Ray does

    ray_start._start_with_retries(start, tmp_path)
    assert [process.poll() is None for process in left] == [False, False, True]
    left[-1].kill()
    left[-1].wait()


def test_ctrl_c_ends_a_start_and_is_no_reason_to_try_again(tmp_path: Path) -> None:
    folder = tmp_path / f"session_2026-01-01_00-00-00_000000_{os.getpid()}"

    def start() -> None:
        folder.mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ray_start._start_with_retries(start, tmp_path)
    assert not folder.exists()


def test_little_shared_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "shm", 1024):
        monkeypatch.setattr(ray_start, "_SHM", tmp_path / "shm")
        assert ray_start._object_store_bytes() is None
    assert str(tmp_path / "shm") in capsys.readouterr().err
    if psutil.virtual_memory().available < 8 * 2**30:
        pytest.skip("Ray would take less than 2 GiB here")
    with small_disk(tmp_path / "shm", 2 << 20):
        assert ray_start._object_store_bytes() == int(2 * 2**30 * 0.95)
    assert capsys.readouterr().err == ""


@pytest.mark.integration
def test_a_ray_whose_server_is_too_slow_is_tried_three_times(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        said, stderr = session(clean(HOME=str(tmp_path), RAY_TMPDIR=folder, RAY_gcs_server_port_wait_time_s="0"))
        assert list(Path(folder).glob("ray/session_*")) == []
    assert "3 tries" in said["what"]
    assert STATE.search(said["what"])
    assert "RAY_ADDRESS" in said["remedy"]
    assert len(STATE.findall(stderr)) == 3
    assert said["seconds"] < 240
    assert said["left"] == []


@pytest.fixture
def killer() -> Iterator[Callable[[str, str], None]]:
    """Kill processes of a name as soon as they start, where their arguments hold a text."""
    done, threads = threading.Event(), []

    def watch(name: str, text: str) -> None:
        while not done.wait(0.02):
            for process in psutil.process_iter(["name", "cmdline"]):
                if process.info["name"] == name and text in " ".join(process.info["cmdline"] or []):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()

    def start(name: str, text: str) -> None:
        threads.append(threading.Thread(target=watch, args=(name, text), daemon=True))
        threads[-1].start()

    yield start
    done.set()
    for thread in threads:
        thread.join()


@pytest.mark.integration
def test_a_ray_that_dies_during_its_start(tmp_path: Path, killer: Callable[[str, str], None]) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        killer("raylet", folder)
        said, _ = session(clean(HOME=str(tmp_path), RAY_TMPDIR=folder))
        assert list(Path(folder).glob("ray/session_*")) == []
    assert "3 tries" in said["what"]
    assert STATE.search(said["what"])
    assert said["seconds"] < 240
    assert said["left"] == []


@pytest.mark.integration
def test_a_long_tmpdir_a_read_only_home_and_taken_ports(long_folder: Path) -> None:
    with ExitStack() as stack:
        for port in (6379, 8265, 10001):
            with suppress(OSError):  # taken by somebody else already
                stack.enter_context(socket.create_server(("", port)))
        said, stderr = session(clean(TMPDIR=str(long_folder), HOME="/proc/1"))
    assert said["answer"] == 1 << 20, said
    assert said["mode"] == 0o700
    assert not Path(said["session"]).parent.parent.exists()
    assert str(Path(said["session"]).parent.parent) in stderr
    assert list(long_folder.glob("ray")) == []


@pytest.mark.integration
def test_a_small_dev_shm(tmp_path: Path) -> None:
    said, stderr = session(clean(HOME=str(tmp_path), RAY_TMPDIR="/tmp"), WITH_SMALL_SHM)
    assert said["answer"] == 1 << 20, said
    assert "/dev/shm" in stderr


@pytest.mark.integration
def test_a_uid_without_passwd_entry(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    said, _ = session(clean(TMPDIR=str(tmp_path)), AS_STRANGER)
    assert said["answer"] == 1 << 20, said
    token = tmp_path / f"firelib-{STRANGER}" / ".ray" / "auth_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
