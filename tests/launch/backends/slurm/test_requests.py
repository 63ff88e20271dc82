"""What would be sent to Slurm, and what is refused before that."""

import sys

import pytest

from firelib.launch.backends.slurm.backend import SlurmBackend
from firelib.launch.job_spec import Gpu, Replicas, Resources
from tests.errors import refused
from tests.launch.golden_file import same_as_before
from tests.launch.jobs import job
from tests.launch.problems import find_problem

FULL = {
    "replicas": Replicas(count=3, restarts=2),
    "resources": Resources(cpus=8, memory_gib=64, gpu=Gpu("a100", 2)),
    "timeout_seconds": 86400,
    "labels": {"team": "vision"},
    "env": {"NOTE": "it's $HOME; `id`"},
    "secrets": {"WANDB_API_KEY": "env:WANDB_API_KEY"},
    "storage_root": "gs://bucket/firelib",
    "target": {
        "partition": "gpu,long",
        "account": "lab",
        "qos": "high",
        "constraint": "a100&nvlink",
        "setup": "/home/me/env.sh",
        "options": "--reservation=spring --mail-type=END",
    },
}
SHARED = {
    "image": "registry.invalid/lab/firelib-trainer@sha256:0",
    "replicas": Replicas(count=5),
    "resources": Resources(memory_gib=1.5, gpu=Gpu("any", 1)),
    "target": {"tasks_per_node": "2", "time": "1-12", "scratch": "/local"},
}
JOBS = {"slurm_one_replica": {}, "slurm_three_nodes_with_gpus": FULL, "slurm_two_replicas_on_a_node": SHARED}


def slurm_job(**fields):
    return job(**{"project": "/shared/my project", **fields})


@pytest.mark.parametrize("name", JOBS)
def test_requests_equal_the_golden_files(name, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/shared/my project/.venv/bin/python")
    request = dict(SlurmBackend().request(slurm_job(**JOBS[name])))
    fixed = next(number for number, line in enumerate(request["script"]) if line.startswith("# ----"))
    assert SlurmBackend().validate(slurm_job(**JOBS[name])) == []
    same_as_before(f"{name}.json", {**request, "script": request["script"][:fixed]})


def test_all_that_slurm_cannot_provide_is_refused_at_once():
    problems = SlurmBackend().validate(
        job(
            project="/shared/100%",
            queue_seconds=60,
            replicas=Replicas(provisioning="spot"),
            resources=Resources(machine="g2-standard-8"),
            target={"partition": "gpu; id", "grace": "0", "time": "tomorrow", "option": "x"},
            secrets={"A_KEY": "k8s:a/b"},
        )
    )
    for field in ("project", "queue_seconds", "replicas.provisioning", "resources.machine", "target.partition"):
        assert find_problem(problems, field), field
    for field in ("target.grace", "target.time", "target.option", "secrets.A_KEY"):
        assert find_problem(problems, field), field
    assert len(problems) == 9


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partition", "gpu --uid=0"),
        ("account", "-a"),
        ("qos", "a\n#SBATCH --uid=0"),
        ("constraint", "a`id`"),
        ("scratch", "/tmp/$(id)"),
        ("scratch", "/a-folder-whose-path-is-too-long-for-sockets"),
        ("setup", "/a'; id; '"),
        ("setup", "env.sh"),
        ("time", "1:2"),
        ("tasks_per_node", "0"),
        ("options", "id"),
        ("options", "--comment='a\nb'"),
        ("options", "--x='%j'"),
        ("options", "'--unclosed"),
    ],
)
def test_a_setting_cannot_inject_options_or_commands(name, value):
    problems = SlurmBackend().validate(job(target={name: value}))
    assert [problem.partition(":")[0] for problem in problems] == [f"target.{name}"]


def test_options_that_firelib_sets_are_refused_with_what_to_give_instead():
    [problem] = SlurmBackend().validate(job(target={"options": "--ntasks=4 --mem=1G --exclusive nonsense"}))
    for part in ("--ntasks itself; give --replicas", "--mem itself; give --memory-gib", "'nonsense'"):
        assert part in problem
    assert "exclusive" not in problem


def test_a_time_limit_that_ends_before_its_grace_begins_is_refused():
    problems = SlurmBackend().validate(job(target={"time": "2", "grace": "120"}))
    assert find_problem(problems, "target.grace", "time limit 2", "120 s")
    assert SlurmBackend().validate(job(target={"time": "3", "grace": "120"})) == []


def test_sbatchs_own_variables_are_defaults():
    variables = {"SBATCH_PARTITION": "gpu", "SBATCH_TIMELIMIT": "60", "SBATCH_EXPORT": "ALL"}
    assert SlurmBackend().default_target(variables) == {"partition": "gpu", "time": "60"}


def test_without_slurm_the_error_says_where_to_go(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with refused(what="sbatch does not exist", where="PATH", remedy="login node"):
        SlurmBackend().submit(job(project=str(tmp_path)))
    assert not list(tmp_path.glob(".firelib/jobs/*"))
