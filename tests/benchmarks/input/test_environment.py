"""Environments of loaders, with packages that need no registry."""

from pathlib import Path

import pytest

from benchmarks.input import environment
from benchmarks.input.environment import LoaderEnvironment

pytestmark = pytest.mark.slow  # pip is installed into new environments


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment, "FOLDER", tmp_path)
    return tmp_path


def test_environment_is_created_once_and_again_for_other_packages(folder: Path) -> None:
    python = LoaderEnvironment("some", ()).python()
    assert python.exists()
    kept = folder / "some" / "kept"
    kept.touch()
    LoaderEnvironment("some", ()).python()
    assert kept.exists()
    LoaderEnvironment("some", (("--no-deps", "pip"),)).python()  # already installed
    assert not kept.exists()


def test_package_that_cannot_be_installed_is_named_and_not_tried_again(folder: Path) -> None:
    broken = LoaderEnvironment("broken", (("--no-index", "./no-such-folder"),))
    with pytest.raises(RuntimeError, match="no-such-folder"):
        broken.python()
    (folder / "broken" / "kept").touch()
    with pytest.raises(RuntimeError, match="no-such-folder"):
        broken.python()
    assert (folder / "broken" / "kept").exists()
