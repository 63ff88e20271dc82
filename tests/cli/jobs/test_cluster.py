"""`firelib cluster …` and `firelib ssh`, as far as they go without a cluster."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from firelib.cli import app
from firelib.errors import FirelibError
from firelib.launch.job_record import JobRecord, write_record
from tests.errors import refused
from tests.launch.drill import write_project
from tests.launch.jobs import job
from tests.project import ROOT

RUNNER = CliRunner()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the repository's cluster file."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = write_project(tmp_path)
    (folder / "cluster").mkdir()
    (folder / "cluster" / "cluster.yaml").write_text((ROOT / "cluster" / "cluster.yaml").read_text())
    monkeypatch.chdir(folder)
    return folder


def share(project: Path) -> None:
    file = project / "cluster" / "cluster.yaml"
    raw = yaml.safe_load(file.read_text())
    raw["provider"]["firelib"]["shared_folder"] = "/mnt/shared"
    file.write_text(yaml.safe_dump(raw))


def firelib(*words: str) -> str:
    done = RUNNER.invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def request(*words: str) -> dict[str, Any]:
    return dict(json.loads(firelib("cluster", "run", "--dry-run", *words)))


def test_run_is_the_pipeline_on_the_shared_folder_through_a_tunnel(project: Path) -> None:
    share(project)
    sent = request()
    assert sent["entrypoint"] == "on-shared-storage firelib in-job run"
    assert sent["address"] == f"cluster:{project}/cluster/cluster.yaml"
    assert sent["runtime_env"]["env_vars"]["FIRELIB_STORAGE_ROOT"] == "/mnt/shared/storage"


def test_run_takes_a_stage_and_the_name_of_a_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share(project)
    monkeypatch.setenv("PROJECT", "mine")
    sent = request("--", "firelib", "train", "--fresh")
    assert sent["entrypoint"] == "on-shared-storage firelib in-job train --fresh"
    assert sent["runtime_env"]["env_vars"]["PROJECT"] == "mine"


def test_run_without_storage_that_hosts_share_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ((), ("--", "firelib", "train")):
        with refused(what="provider.firelib.shared_folder", where="cluster/cluster.yaml", remedy="make cluster-setup"):
            firelib("cluster", "run", "--dry-run", *words)
    monkeypatch.setenv("FIRELIB_STORAGE_ROOT", "gs://bucket")
    assert request("--", "firelib", "train")["entrypoint"] == "firelib in-job train"


def test_dry_runs_print_the_commands(project: Path) -> None:
    assert firelib("cluster", "up", "--dry-run") == "ray up --yes cluster/cluster.yaml\n"
    assert firelib("cluster", "down", "--dry-run") == "ray down --yes cluster/cluster.yaml\n"
    assert firelib("cluster", "ssh", "1", "--dry-run").endswith("firelib@10.10.0.11\n")
    assert firelib("cluster", "ssh", "--dry-run", "head", "--", "nvidia-smi").endswith(
        "firelib@10.10.0.10 nvidia-smi\n"
    )


def test_a_wrong_file_is_refused_before_anything_else(project: Path) -> None:
    for command in ("up", "run", "status", "ssh", "dashboard", "down"):
        with refused(what="none.yaml"):
            firelib("cluster", command, "--cluster", "none.yaml")


def submitted(project: Path, backend: str, handle: dict[str, str], **fields: Any) -> None:
    write_record(project, JobRecord(job(project=str(project), **fields), backend, handle))


def test_ssh_opens_a_shell_where_the_job_runs(project: Path) -> None:
    submitted(project, "docker", {"driver": "train-1-0", "folder": "x"})
    assert firelib("ssh", "train-1", "--dry-run") == "docker exec --interactive --tty train-1-0 /bin/sh\n"
    submitted(project, "ray", {"address": f"cluster:{project}/cluster/cluster.yaml"})
    assert firelib("ssh", "train-1", "--dry-run").endswith(" firelib@10.10.0.10\n")
    submitted(project, "local", {})
    assert firelib("ssh", "train-1", "--dry-run").startswith(f"env -C {project} ")


def test_ssh_names_a_program_that_is_missing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(project, "docker", {"driver": "train-1-0", "folder": "x"})
    monkeypatch.setenv("PATH", str(project))
    with refused(what="docker", where="PATH", remedy="firelib ssh train-1 --dry-run"):
        firelib("ssh", "train-1")
    with refused(what="ssh", where="PATH", remedy="openssh-client"):
        firelib("cluster", "ssh")


def test_ssh_prints_the_command_that_firelib_cannot_run(project: Path) -> None:
    submitted(project, "ray", {"address": "http://10.1.2.3:8265"})
    assert firelib("ssh", "train-1") == "ssh 10.1.2.3\n"
    submitted(project, "kubeflow", {"kind": "TrainJob", "namespace": "ml"}, target={"context": "my gke"})
    said = firelib("ssh", "train-1")
    assert "kubectl --context 'my gke' --namespace ml exec" in shlex.split(said)[2]
    assert "train-1" in said
    submitted(project, "vertex", {"name": "projects/p/customJobs/7"})
    with refused(where="projects/p/customJobs/7", remedy="firelib logs train-1 --follow"):
        firelib("ssh", "train-1")


def test_jobs_of_all_backends_are_listed(project: Path) -> None:
    assert firelib("jobs") == ""
    (project / "gone").mkdir()
    submitted(project, "local", {"folder": str(project / "gone"), "pid": "1", "started": "0"}, job_id="train-1")
    submitted(project, "ray", {"address": "http://127.0.0.1:1", "submission_id": "x"}, job_id="train-2")
    said = firelib("jobs", "--timeout", "60")
    assert "failed" in said
    assert "unknown" in said
    with pytest.raises(FirelibError):
        firelib("status", "train-2")
