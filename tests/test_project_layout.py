import subprocess
from pathlib import Path

from firelib.project_layout import find_params, find_project, make_private_folder
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


def test_git_ignores_the_private_folder_of_any_project(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for _ in range(2):
        folder = make_private_folder(tmp_path, "stages", "rows")
    (folder / "run.json").touch()
    assert folder == tmp_path / ".firelib/stages/rows"
    done = subprocess.run(["git", "status", "--porcelain"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == ""
