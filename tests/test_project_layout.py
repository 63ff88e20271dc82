from pathlib import Path

from firelib.project_layout import find_params, find_project
from tests.errors import refused


def test_project_is_the_folder_of_params(tmp_path: Path) -> None:
    assert find_project(tmp_path / "params.yaml") == tmp_path


def test_own_pipeline_belongs_to_the_same_project(tmp_path: Path) -> None:
    file = tmp_path / "pipelines" / "mine" / "params.yaml"
    file.parent.mkdir(parents=True)
    file.touch()
    assert find_params("mine", tmp_path) == file
    assert find_project(file) == tmp_path
    with refused(what="mne", where=tmp_path / "pipelines", remedy="mine"):
        find_params("mne", tmp_path)


def test_no_pipeline(tmp_path: Path) -> None:
    with refused(what="mine", where=tmp_path / "pipelines", remedy="docs/recipe.md"):
        find_params("mine", tmp_path)
