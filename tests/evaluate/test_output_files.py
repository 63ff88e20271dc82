"""The list of an evaluation's files; test_evaluate.py compares it with the files that are written."""

import subprocess
import sys

import pytest
import yaml

from firelib.config import Evaluate, load_params
from firelib.evaluate.output_files import evaluate_outputs, find_image_feature
from firelib.recipe import Feature, load_recipe
from tests.project import ROOT

IMAGE = Feature("image", "uint8", shape=(28, 28))
COLOR_IMAGE = Feature("photo", "uint8", shape=(8, 8, 3))
PIPELINES = {"flights": ROOT, "fashion_mnist": ROOT / "pipelines/fashion_mnist"}


def test_only_a_single_image_is_drawn():
    number = Feature("x", "float32")
    assert find_image_feature([number, IMAGE]) == IMAGE
    assert find_image_feature([COLOR_IMAGE]) == COLOR_IMAGE
    assert find_image_feature([IMAGE, COLOR_IMAGE]) is None
    assert find_image_feature([number, Feature("w", "uint8", shape=(4,))]) is None


def test_optional_image_is_not_drawn():
    assert find_image_feature([Feature("image", "uint8", shape=(28, 28), optional=True)]) is None


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines_declare_these_files(name):
    stage = yaml.safe_load((PIPELINES[name] / "dvc.yaml").read_text())["stages"]["evaluate"]
    declared = {path for output in (*stage["metrics"], *stage["outs"]) for path in output}
    assert declared == set(evaluate_outputs(load_recipe(name), load_params(PIPELINES[name] / "params.yaml")))


def test_no_file_of_a_baseline_that_is_left_out():
    params = load_params(ROOT / "params.yaml").model_copy(update={"evaluate": Evaluate(baselines=["constant"])})
    assert not [path for path in evaluate_outputs(load_recipe("flights"), params) if "trees" in path]


def test_the_list_needs_no_heavy_module():
    code = (
        "import sys, firelib.evaluate.output_files\n"
        "print(*{'numpy', 'pyarrow', 'ray', 'pydantic', 'matplotlib', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
