from pathlib import Path

from firelib.project_layout import params_of, project_of
from tests.errors import refused


def test_the_project_is_where_params_lie(tmp_path: Path) -> None:
    assert project_of(tmp_path / "params.yaml") == tmp_path


def test_a_pipeline_of_its_own_lies_in_the_same_project(tmp_path: Path) -> None:
    file = tmp_path / "pipelines" / "mine" / "params.yaml"
    file.parent.mkdir(parents=True)
    file.touch()
    assert params_of("mine", tmp_path) == file
    assert project_of(file) == tmp_path
    with refused(what="mne", where=tmp_path / "pipelines", remedy="mine"):
        params_of("mne", tmp_path)


def test_without_any_pipeline(tmp_path: Path) -> None:
    with refused(what="mine", where=tmp_path / "pipelines", remedy="docs/recipe.md"):
        params_of("mine", tmp_path)
