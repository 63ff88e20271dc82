from benchmarks.elastic.project import BATCH, write_project
from firelib.config import load_params
from firelib.recipe import load_recipe
from firelib.tfrecord.read.dataset import open_dataset


def test_project_is_one_that_firelib_reads(tmp_path):
    project = write_project(tmp_path / "project", epoch_steps=3, checkpoint={"every_steps": 2})
    params = load_params(project.folder / "params.yaml")
    assert load_recipe(params.recipe).name == project.paths.recipe
    assert params.train.checkpoint.every_steps == 2
    rows = open_dataset(str(project.paths.manifest)).as_numpy("train")
    assert len(rows["positive"]) == 3 * BATCH
    assert 0.4 < rows["positive"].mean() < 0.6
