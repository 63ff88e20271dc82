import os
import pwd
import stat
import tempfile
from pathlib import Path

import pytest

from firelib import user_folders
from tests.odd_environments import AS_STRANGER, STRANGER, clean, run

# Calls that fail without HOME and a passwd entry, then kernels that Numba compiles and caches.
PROGRAM = """
import getpass, os, sys
from pathlib import Path
import firelib
from firelib import Feature, open_dataset, write_tfrecords
import numpy as np
print(getpass.getuser(), Path.home(), os.environ.get("NUMBA_CACHE_DIR"))
write_tfrecords({"x": np.arange(5.0, dtype="f4")}, sys.argv[1], [Feature("x", "float32")])
print(int(open_dataset(sys.argv[1]).as_numpy("train")["x"].sum()))
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_private_folder_is_stable(temporary: Path) -> None:
    folder = user_folders.private_folder()
    assert folder == user_folders.private_folder() == f"{temporary}/firelib-{os.getuid()}"
    assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700


@pytest.mark.parametrize("taken", ["open", "link", "file"])
def test_folder_of_another_user_is_not_used(temporary: Path, taken: str) -> None:
    name = temporary / f"firelib-{os.getuid()}"
    if taken == "open":
        name.mkdir()
        name.chmod(0o777)
    elif taken == "link":
        name.symlink_to(temporary)
    else:
        name.touch()
    folder = Path(user_folders.private_folder())
    assert folder != name
    assert folder.parent == temporary
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_ordinary_environment_is_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "me")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    before = dict(os.environ)
    user_folders.prepare_environment()
    assert dict(os.environ) == before
    assert list(tmp_path.iterdir()) == []


def test_unset_home_is_read_from_passwd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    user_folders.prepare_environment()
    assert os.environ["HOME"] == pwd.getpwuid(os.getuid()).pw_dir


@pytest.mark.parametrize("module_cache", ["writable", "not writable"])
def test_caches_move_if_home_is_not_writable(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, module_cache: str
) -> None:
    monkeypatch.setenv("HOME", "/proc/1")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(user_folders, "_CACHED_MODULES", str(temporary if module_cache == "writable" else "/proc/1/x"))
    user_folders.prepare_environment()
    private = f"{temporary}/firelib-{os.getuid()}"
    assert os.environ["XDG_CACHE_HOME"] == f"{private}/cache"
    assert os.environ.get("NUMBA_CACHE_DIR") == (None if module_cache == "writable" else f"{private}/numba")


@pytest.mark.parametrize(
    "home", [pytest.param(None, marks=pytest.mark.integration, id="unset"), pytest.param("/proc/1", id="read-only")]
)
def test_a_uid_without_passwd_entry_compiles_kernels_and_writes(tmp_path: Path, home: str | None) -> None:
    tmp_path.chmod(0o777)
    env = clean(TMPDIR=str(tmp_path), **({"HOME": home} if home else {}))
    done = run(["-c", PROGRAM, str(tmp_path / "data")], env, AS_STRANGER, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    private = tmp_path / f"firelib-{STRANGER}"
    cache = private / "numba" if home else private / ".cache" / "numba"
    assert done.stdout.split() == [f"uid{STRANGER}", home or str(private), str(cache) if home else "None", "10"]
    assert list(cache.rglob("*.nbc"))
