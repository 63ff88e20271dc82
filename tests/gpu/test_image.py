"""The trainer image with `--gpus all`; build it with `make images COMPONENTS=trainer-gpu`."""

import json
import shutil
import subprocess

import pytest

from tests.patience import patience

pytestmark = pytest.mark.gpu

IMAGE = "firelib-trainer-gpu"


def docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=patience(600), check=False)


@pytest.fixture(autouse=True)
def image(gpus):
    if not shutil.which("docker") or docker("image", "inspect", IMAGE).returncode:
        pytest.skip(f"no image {IMAGE}: make images COMPONENTS=trainer-gpu")


def test_tensorflow_sees_every_gpu_in_the_container(gpus):
    probe = ("--entrypoint", "python", IMAGE, "-m", "firelib.launch.runtime.gpus.probe")
    done = docker("run", "--rm", "--gpus", "all", *probe)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["visible"] == gpus


def test_the_container_refuses_to_train_without_its_gpus(gpus):
    done = docker("run", "--rm", "--env", "FIRELIB_EXPECTED_GPUS=1", IMAGE, "train")
    assert done.returncode == 1
    assert "no device" in done.stderr
