import pytest

from firelib.project_layout import Paths
from firelib.train.driver.publish import check_model_folder
from tests.errors import refused


@pytest.fixture
def paths(tmp_path):
    return Paths("small", str(tmp_path / "root"), tmp_path / "project")


def test_a_model_may_replace_a_model(paths):
    check_model_folder(paths)
    (paths.model / "saved_model").mkdir(parents=True)
    for name in ("model.keras", "weights.json", "lineage.json", "timing.json"):
        (paths.model / name).touch()
    check_model_folder(paths)


def test_other_files_are_refused_before_training(paths):
    paths.model.mkdir(parents=True)
    (paths.model / "notebook.ipynb").touch()
    with refused(what="notebook.ipynb", where=paths.model):
        check_model_folder(paths)
