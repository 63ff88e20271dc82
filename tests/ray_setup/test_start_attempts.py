import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from firelib.ray_setup import start_attempts
from tests.errors import refused


@pytest.fixture(autouse=True)
def _keep_ray_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed attempt shuts Ray down, which would be the one that the tests of this process share."""
    monkeypatch.setattr("ray.shutdown", lambda: None)


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
def test_permanent_error_is_not_retried(tmp_path: Path, error: Exception, remedy: str) -> None:
    attempts = []

    def start() -> None:
        attempts.append(1)
        raise error

    with refused(what=str(error), where=tmp_path, remedy=remedy):
        start_attempts.start_with_retries(start, tmp_path)
    assert len(attempts) == 1


def test_failed_attempt_is_cleaned_up_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_attempts, "_BACKOFF_SECONDS", 0.01)
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

    start_attempts.start_with_retries(start, tmp_path)
    assert [process.poll() is None for process in left] == [False, False, True]
    left[-1].kill()
    left[-1].wait()


def test_ctrl_c_is_not_retried(tmp_path: Path) -> None:
    folder = tmp_path / f"session_2026-01-01_00-00-00_000000_{os.getpid()}"

    def start() -> None:
        folder.mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_attempts.start_with_retries(start, tmp_path)
    assert not folder.exists()
