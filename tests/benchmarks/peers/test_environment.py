"""Environments of peers, without packages: no registry is asked."""

from pathlib import Path

import pytest

from benchmarks.peers import environment
from benchmarks.peers.environment import PeerEnvironment

INSTALLERS = [False, pytest.param(True, marks=pytest.mark.slow)]  # pip is installed into new environments


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("with_pip", INSTALLERS, ids=["uv", "pip"])
def test_environment_is_created_once_and_again_for_other_packages(folder: Path, with_pip: bool) -> None:
    (folder / "none.txt").touch()
    python = PeerEnvironment("some", (), with_pip=with_pip).python()
    assert python.exists()
    kept = folder / "some" / "kept"
    kept.touch()
    PeerEnvironment("some", (), with_pip=with_pip).python()
    assert kept.exists()
    PeerEnvironment("some", (("--requirement", str(folder / "none.txt")),), with_pip=with_pip).python()
    assert not kept.exists()


@pytest.mark.parametrize("with_pip", INSTALLERS, ids=["uv", "pip"])
def test_package_that_cannot_be_installed_is_named_and_not_tried_again(folder: Path, with_pip: bool) -> None:
    broken = PeerEnvironment("broken", (("--no-index", "./no-such-folder"),), with_pip=with_pip)
    with pytest.raises(RuntimeError, match="no-such-folder"):
        broken.python()
    (folder / "broken" / "kept").touch()
    with pytest.raises(RuntimeError, match="no-such-folder"):
        broken.python()
    assert (folder / "broken" / "kept").exists()
