"""Starts of a real Ray in unusual environments."""

import re
import socket
import stat
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import ray

from tests.odd_environments import AS_STRANGER, STRANGER, WITH_SMALL_SHM, clean, session

LOAD = re.compile(r"load \d+\.\d on \d+ cores, \d+\.\d GiB")
LONG = "a_rather_long_temporary_directory_of_a_batch_job/1355700/tmp.t0016"


@pytest.mark.integration
def test_slow_server_is_retried_twice(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        result, stderr = session(clean(HOME=str(tmp_path), RAY_TMPDIR=folder, RAY_gcs_server_port_wait_time_s="0"))
        assert list(Path(folder).glob("ray/session_*")) == []
    assert "3 attempts" in result["what"]
    assert LOAD.search(result["what"])
    assert "RAY_ADDRESS" in result["remedy"]
    assert len(LOAD.findall(stderr)) == 3
    assert result["seconds"] < 240
    assert result["left"] == []


@pytest.mark.integration
def test_ray_dies_during_its_start(tmp_path: Path) -> None:
    """A program that ends at once stands where the server is: a kill from outside comes too late on a busy machine."""
    dying = tmp_path / "gcs_server"
    dying.write_text("#!/bin/sh\nsleep 0.2\nkill -9 $$\n")
    dying.chmod(0o755)
    server = Path(ray.__file__).parent / "core/src/ray/gcs/gcs_server"
    wrapper = ("unshare", "--mount", "sh", "-c", f'mount --bind {dying} {server} && exec "$@"', "sh")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        result, _ = session(clean(HOME=str(tmp_path), RAY_TMPDIR=folder), wrapper)
        assert list(Path(folder).glob("ray/session_*")) == []
    assert "3 attempts" in result["what"]
    assert LOAD.search(result["what"])
    assert result["seconds"] < 240
    assert result["left"] == []


@pytest.mark.integration
def test_long_tmpdir_read_only_home_and_ports_in_use(tmp_path: Path) -> None:
    long_folder = tmp_path / LONG
    long_folder.mkdir(parents=True)
    with ExitStack() as stack:
        for port in (6379, 8265, 10001):
            with suppress(OSError):  # another process already uses it
                stack.enter_context(socket.create_server(("", port)))
        result, stderr = session(clean(TMPDIR=str(long_folder), HOME="/proc/1"))
    assert result["answer"] == 1 << 20, result
    assert result["mode"] == 0o700
    assert not Path(result["session"]).parent.parent.exists()
    assert "not writable" not in stderr  # the session is in the long folder, behind a short link
    assert list(long_folder.glob("*ray*")) == []


@pytest.mark.integration
def test_small_dev_shm(tmp_path: Path) -> None:
    result, stderr = session(clean(HOME=str(tmp_path), RAY_TMPDIR="/tmp"), WITH_SMALL_SHM)
    assert result["answer"] == 1 << 20, result
    assert "/dev/shm" in stderr


@pytest.mark.integration
def test_uid_without_passwd_entry(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    result, _ = session(clean(TMPDIR=str(tmp_path)), AS_STRANGER)
    assert result["answer"] == 1 << 20, result
    token = tmp_path / f"firelib-{STRANGER}" / ".ray" / "auth_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
