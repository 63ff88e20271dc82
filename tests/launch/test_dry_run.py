"""`--dry-run` shows what would be sent: no credentials, no network, nothing heavy, no secret."""

import json
import os
import subprocess
import sys

import pytest

from tests.launch.drill import firelib_here, write_project

IMAGE = f"registry.invalid/lab/firelib-trainer@sha256:{'0' * 64}"
TARGETS = {
    "local": (),
    "docker": ("--replicas", "3", "--cpus", "1"),
    "ray": ("--set", "address=http://head.invalid:8265"),
    "vertex": ("--image", IMAGE, "--machine", "n1-standard-8", "--set", "project=my-lab", "--set", "region=us-east1"),
    "kubeflow": ("--image", IMAGE, "--replicas", "3"),
}
SECRET = {
    "local": "env:PLANTED",
    "docker": "env:PLANTED",
    "ray": "file:/etc/planted",
    "vertex": "gcp:projects/my-lab/secrets/planted/versions/1",
    "kubeflow": "k8s:planted/key",
}
HEAVY = {"aiohttp", "dask", "dvc", "grpc", "keras", "kfp", "kubernetes", "pandas", "ray", "requests", "tensorflow"}
BUCKET = {"FIRELIB_STORAGE_ROOT": "gs://bucket/firelib"}


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path)


@pytest.mark.parametrize("to", TARGETS)
def test_the_request_is_json_without_secrets(project, to):
    words = ["submit", "--to", to, "--dry-run", *TARGETS[to], "--secret", f"WANDB_API_KEY={SECRET[to]}"]
    done = firelib_here(project, *words, "--", "firelib", "train", "--fresh", PLANTED="planted-secret-value", **BUCKET)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert "planted-secret-value" not in done.stdout + done.stderr
    assert not (project / ".firelib").exists()


def test_nothing_heavy_is_imported(project):
    """In one fresh process for all backends: what an earlier one imports would be found by the later ones, too."""
    commands = [["firelib", "submit", "--to", to, "--dry-run", *words] for to, words in TARGETS.items()]
    code = (
        "import sys\n"
        "from firelib.cli import main\n"
        f"for sys.argv in {commands!r}:\n"
        "    try: main()\n"
        "    except SystemExit as end: assert not end.code, sys.argv\n"
        f"    heavy = {HEAVY!r} & set(sys.modules)\n"
        "    assert not heavy, (sys.argv, heavy)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=project, env={**os.environ, **BUCKET}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "vertx"), ("--to", "'vertx'", "'vertex'")),
        (("--gpu", "l4:many"), ("--gpu", "'l4:many'")),
        (("--env", "NAME"), ("--env", "number 1")),
        (("--env", "A=1", "--env", "A=2"), ("--env", "A ")),
        (("--env", "API_TOKEN=planted"), ("env.API_TOKEN", "--secret API_TOKEN=env:API_TOKEN")),
        (("--secret", "API_TOKEN=planted"), ("secrets.API_TOKEN",)),
        (("--to", "ray"), ("target.address", "FIRELIB_RAY_ADDRESS")),
        (("--set", "adress=x"), ("target.adress",)),
        (("--label", "Team=x"), ("labels", "'Team'")),
    ],
)
def test_wrong_words_are_refused(project, words, said):
    done = firelib_here(project, "submit", "--dry-run", *words)
    assert done.returncode == 1
    for part in said:
        assert part in done.stderr
    assert "planted" not in done.stderr
    assert "Traceback" not in done.stderr
