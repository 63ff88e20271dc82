import pytest

from firelib.tfrecord.manifest import read_manifest
from firelib.train.job import run_id
from tests.train.toy import toy_params, write_toy


@pytest.fixture
def manifest(tmp_path):
    return read_manifest(str(write_toy(tmp_path).manifest))


def test_run_is_the_same_on_any_number_of_workers(manifest):
    assert run_id(toy_params(workers=1), {}, manifest) == run_id(toy_params(workers=4), {}, manifest)


def test_run_is_another_with_other_inputs(manifest):
    ids = {
        run_id(toy_params(), {}, manifest),
        run_id(toy_params(epochs=3), {}, manifest),
        run_id(toy_params(), {"width": 8}, manifest),
        run_id(toy_params(), {}, manifest.model_copy(update={"tables": {"rows": 1}})),
    }
    assert len(ids) == 4
