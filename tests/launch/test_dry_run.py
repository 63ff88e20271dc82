"""`--dry-run` prints the request: no credentials, no network, no heavy imports, no secret."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.launch.drill import firelib_here, write_project
from tests.launch.transfer.planted import VALUE, VARIABLES, plant

IMAGE = f"registry.invalid/lab/firelib-trainer@sha256:{'0' * 64}"
TARGETS = {
    "local": (),
    "docker": ("--replicas", "3", "--cpus", "1"),
    "ray": ("--set", "address=http://head.invalid:8265"),
    "vertex": ("--image", IMAGE, "--machine", "n1-standard-8", "--set", "project=my-lab", "--set", "region=us-east1"),
    "kubeflow": ("--image", IMAGE, "--replicas", "3"),
    "slurm": ("--replicas", "3", "--gpu", "any:1", "--set", "partition=gpu"),
}
SECRET = {
    "local": "env:PLANTED",
    "docker": "env:PLANTED",
    "ray": "file:/etc/planted",
    "vertex": "gcp:projects/my-lab/secrets/planted/versions/1",
    "kubeflow": "k8s:planted/key",
    "slurm": "env:PLANTED",
}
HEAVY = {"aiohttp", "dask", "dvc", "grpc", "keras", "kfp", "kubernetes", "pandas", "ray", "requests", "tensorflow"}
BUCKET = {"FIRELIB_STORAGE_ROOT": "gs://bucket/firelib"}


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path)


@pytest.mark.parametrize("to", TARGETS)
def test_the_request_is_json_without_secrets(project, to):
    arguments = ["submit", "--to", to, "--dry-run", *TARGETS[to], "--secret", f"WANDB_API_KEY={SECRET[to]}"]
    done = firelib_here(
        project, *arguments, "--", "firelib", "train", "--fresh", PLANTED="planted-secret-value", **BUCKET
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert "planted-secret-value" not in done.stdout + done.stderr
    assert not (project / ".firelib").exists()


@pytest.mark.parametrize("to", TARGETS)
def test_nothing_that_is_planted_is_shown(project, tmp_path_factory, to):
    plant(project, tmp_path_factory.mktemp("outside"), with_git=to != "vertex")
    write_project(project)  # its files are planted, too
    variables = dict.fromkeys(VARIABLES, f"{VALUE}-of-a-variable")
    done = firelib_here(project, "submit", "--to", to, "--dry-run", *TARGETS[to], **variables, **BUCKET)
    assert done.returncode == 0, done.stderr
    assert VALUE not in done.stdout + done.stderr
    assert not {name for name in VARIABLES if name in done.stdout}
    if to not in ("local", "docker", "slurm"):  # these run in the project itself
        assert ".git-credentials" in done.stderr
        assert "link_out" in done.stderr
        assert re.search(r"gets \d+ files", done.stderr)


@pytest.mark.parametrize("to", ["ray", "vertex", "kubeflow"])
def test_a_file_with_a_key_stops_a_job_before_it_is_sent(project, to):
    (project / "deep.py").write_text("-----BEGIN " + "PRIVATE KEY-----\nplanted")
    done = firelib_here(project, "submit", "--to", to, "--dry-run", *TARGETS[to], **BUCKET)
    assert done.returncode == 1
    assert "deep.py, line 1" in done.stderr
    assert "planted" not in done.stderr


def test_nothing_heavy_is_imported(project):
    """One fresh process for all backends: the imports of an earlier backend are found for the later ones, too."""
    commands = [["firelib", "submit", "--to", to, "--dry-run", *arguments] for to, arguments in TARGETS.items()]
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
    ("arguments", "parts"),
    [
        (("--to", "vertx"), ("--to", "'vertx'", "'vertex'")),
        (("--gpu", "l4:many"), ("--gpu", "'l4:many'")),
        (("--env", "NAME"), ("--env", "number 1")),
        (("--env", "A=1", "--env", "A=2"), ("--env", "A ")),
        (("--replicas", "0", "--cpus", "-1"), ("replicas.count", "resources.cpus")),
        (("--env", "SOME_URL=ftp://me:planted@host/x"), ("env.SOME_URL", "--secret SOME_URL=env:SOME_URL")),
        (("--set", "address=http://me:planted@head:8265"), ("target.address", "--secret")),
        (("--", "firelib", "train", "--x=redis://:planted@host"), ("command: argument 2",)),
        (("--env", "API_TOKEN=planted"), ("env.API_TOKEN", "--secret API_TOKEN=env:API_TOKEN")),
        (("--secret", "API_TOKEN=planted"), ("secrets.API_TOKEN",)),
        (("--to", "ray"), ("target.address", "FIRELIB_RAY_ADDRESS")),
        (("--set", "adress=x"), ("target.adress",)),
        (("--label", "Team=x"), ("labels", "'Team'")),
    ],
)
def test_wrong_options_are_refused(project, arguments, parts):
    done = firelib_here(project, "submit", "--dry-run", *arguments)
    assert done.returncode == 1
    for part in parts:
        assert part in done.stderr
    assert "planted" not in done.stderr
    assert "Traceback" not in done.stderr


VERTEX = ("submit", "--to", "vertex", "--dry-run", *TARGETS["vertex"], "--restarts", "1")


def test_provisioning_has_a_deprecated_spelling_that_warns_once(project):
    new, old = (firelib_here(project, *VERTEX, option, "spot", **BUCKET) for option in ("--provisioning", "--buying"))
    strategies = [scheduling(done)["strategy"] for done in (new, old)]
    assert strategies == ["SPOT", "SPOT"]
    assert "deprecated" not in new.stderr
    assert old.stderr.count("deprecated") == 1
    assert "--provisioning spot" in old.stderr


def scheduling(done):
    assert done.returncode == 0, done.stderr
    [request] = json.loads(done.stdout)["requests"]
    return request["customJob"]["jobSpec"]["scheduling"]


def test_the_deprecated_spelling_is_hidden_and_loses(project):
    both = firelib_here(project, *VERTEX, "--provisioning", "on-demand", "--buying", "spot", **BUCKET)
    assert scheduling(both)["strategy"] == "STANDARD"
    shown = firelib_here(project, "submit", "--help")
    assert "--provisioning" in shown.stdout
    assert "--buying" not in shown.stdout


def test_plan_accepts_the_deprecated_spelling(project):
    done = firelib_here(project, "plan", "--to", "vertex", "--machine", "g2-standard-8", "--buying", "spot")
    assert done.returncode == 0, done.stderr
    assert "preemptible_nvidia_l4_gpus" in done.stdout
    assert "--provisioning spot" in done.stderr


def test_a_whole_run_prints_the_request_of_each_stage(project):
    components = ("extract", "transform", "trainer", "evaluate")
    table = {name: IMAGE.replace("trainer", name) for name in components}
    (project / "images").mkdir()
    (project / "images/digests.json").write_text(json.dumps(table))
    arguments = ("submit", "--to", "vertex", "--dry-run", *TARGETS["vertex"][2:])
    done = firelib_here(project, *arguments, "--", "firelib", "run", **BUCKET)
    assert done.returncode == 0, done.stderr
    requests = json.loads(done.stdout)
    assert list(requests) == ["extract", "transform", "train", "evaluate"]
    pools = [request["requests"][0]["customJob"]["jobSpec"]["workerPoolSpecs"] for request in requests.values()]
    assert [pool["containerSpec"]["imageUri"] for [pool] in pools] == list(table.values())
    assert not (project / ".firelib").exists()


GPUS = ("--machine", "n1-standard-16", "--gpu", "t4:4", "--replicas", "2")


@pytest.mark.parametrize(("workers", "used"), [("", "8 of 8 GPUs used"), ("2", "2 of 8 GPUs used")])
def test_unused_gpus_are_named_before_anything_is_sent(project, workers, used):
    asked = firelib_here(project, *VERTEX, *GPUS, FIRELIB_WORKERS=workers, **BUCKET)
    assert asked.returncode == 0, asked.stderr
    assert used in asked.stderr
    planned = firelib_here(project, "plan", "--to", "vertex", *GPUS, FIRELIB_WORKERS=workers)
    assert f"vertex: {used}" in planned.stdout


def test_the_smallest_number_of_replicas_is_checked(project):
    done = firelib_here(project, *VERTEX, "--replicas", "2", "--min-replicas", "3", **BUCKET)
    assert done.returncode == 1
    for part in ("replicas.minimum", "2 replicas", "3"):
        assert part in done.stderr
