"""`firelib train` on GPUs: one worker, mixed precision, and NCCL between several."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.patience import patience
from tests.project import ROOT
from tests.train.toy import toy_params, write_toy

pytestmark = pytest.mark.gpu


def train(folder: Path, workers: int, train: dict[str, Any], **environment: str) -> str:
    """Train the toy recipe as a replica with so many GPUs does; return the output.

    `FIRELIB_EXPECTED_GPUS` makes training refuse CPUs, and each worker refuses to train if TensorFlow sees no GPU.
    """
    write_toy(folder)
    params = toy_params(workers=workers, train=train).model_dump(mode="json")
    (folder / "params.yaml").write_text(yaml.safe_dump({**params, "recipe": "tests.train.toy"}))
    own = {"PYTHONPATH": str(ROOT), "FIRELIB_TRACKING": "none", "FIRELIB_EXPECTED_GPUS": str(workers)}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "firelib"), "--debug", "train"],
        cwd=folder,
        env={**os.environ, **own, **environment},
        capture_output=True,
        text=True,
        timeout=patience(600),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def assert_learned(folder: Path) -> None:
    with (folder / "plots/toy/validation.csv").open() as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_one_worker_learns(gpus, tmp_path, precision):
    train(tmp_path, 1, {"precision": precision, "epochs": 5})
    assert_learned(tmp_path)


def test_workers_sum_their_gradients_with_nccl(gpus, tmp_path):
    if gpus < 2:
        pytest.skip(f"NCCL connects several GPUs, this machine has {gpus}")
    assert "NCCL INFO" in train(tmp_path, gpus, {"epochs": 5}, NCCL_DEBUG="INFO")
    assert_learned(tmp_path)
