"""`make vertex` and `make vertex-down` from an empty home, against a stand-in of Google Cloud."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firelib.gcp.resources.api import Api
from firelib.launch.backends.vertex.prerequisites.check import check_vertex
from tests.cluster.ansible_failures import failures
from tests.cluster.fake_gcp import TOKEN, FakeCloud, fake_cloud
from tests.gcp.vertex.lab import BUCKET
from tests.launch.drill import firelib_here, write_project
from tests.patience import patience
from tests.project import ROOT

pytestmark = pytest.mark.containers  # Ansible is there with `make test-cluster` only

Make = Callable[..., str]
WORDS = ("PROJECT=demo-lab", "REGION=europe-west4")


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with fake_cloud() as running:
        running.disabled |= {"aiplatform", "artifactregistry", "cloudquotas", "iam", "secretmanager"}
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the playbook needs, so that its settings are written there."""
    folder = tmp_path / "project"
    (folder / ".venv").mkdir(parents=True)
    shutil.copytree(ROOT / "ansible", folder / "ansible")
    for name in ("Makefile", "ansible.cfg"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv" / "bin").symlink_to(ROOT / ".venv" / "bin")
    return folder


@pytest.fixture
def make(tmp_path: Path, project: Path, cloud: FakeCloud) -> Make:
    """Run a target with an empty home, and a token instead of a login."""
    (tmp_path / "home").mkdir()
    made = ("--old-file=.venv/.cluster", "--old-file=.venv/.vertex")  # the environment exists
    api = f"OPTIONS=-e vertex_api={cloud.api}/{{service}} -e vertex_poll_seconds=0"

    def run(target: str, *words: str, token: str = TOKEN, **environ: str) -> str:
        own = {"HOME": str(tmp_path / "home"), "GCP_ACCESS_TOKEN": token, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
        done = subprocess.run(
            ["make", target, *words, api, *made],
            cwd=project,
            env=inherited | own | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def test_from_nothing_to_settings_and_back(make: Make, cloud: FakeCloud, project: Path, tmp_path: Path) -> None:
    secret = ("SECRET=WANDB_API_KEY",)
    first = make("vertex", *WORDS, *secret, WANDB_API_KEY="secret-value")
    assert failures(first) == []
    assert "firelib submit --to vertex -- firelib run" in first
    settings = (project / ".firelib" / "vertex.env").read_text()
    assert "FIRELIB_STORAGE_ROOT=gs://demo-lab-firelib-jobs/firelib\n" in settings
    docker = json.loads((tmp_path / "home" / ".docker" / "config.json").read_text())
    assert docker == {"credHelpers": {"europe-west4-docker.pkg.dev": "gcloud"}}
    assert list(cloud.secrets.values()) == [["secret-value"]]
    assert_ready(cloud, project, tmp_path / "home")
    sent = list(cloud.sent)
    assert failures(verify(project, cloud, tmp_path / "home")) == []
    again = make("vertex", WANDB_API_KEY="secret-value")  # the words of the first run are known
    assert "changed=0 " in again
    assert cloud.sent == sent
    for said in (first, again, settings):
        assert "secret-value" not in said
        assert TOKEN not in said
    assert_removal(make, cloud, project)


def verify(project: Path, cloud: FakeCloud, home: Path) -> str:
    """The scenario of the role: asks, and changes nothing."""
    words = {"PROJECT": "demo-lab", "REGION": "europe-west4"}
    facts = {"vertex_words": words, "vertex_folder": str(project), "vertex_api": cloud.api + "/{service}"}
    command = [".venv/bin/ansible-playbook", "-i", "localhost,", "ansible/molecule/verify.yml", "--tags", "vertex"]
    done = subprocess.run(
        [*command, "-e", json.dumps(facts)],
        cwd=project,
        env={**os.environ, "HOME": str(home), "GCP_ACCESS_TOKEN": TOKEN, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Check that every right is granted" in done.stdout, done.stdout + done.stderr
    return done.stdout


def assert_ready(cloud: FakeCloud, project: Path, home: Path) -> None:
    """The first job: the doctor finds nothing, and the request of `firelib submit` runs and logs in the stand-in."""
    environ = {"GCP_ACCESS_TOKEN": TOKEN, "DOCKER_CONFIG": str(home / ".docker"), "PATH": str(home)}
    (home / "docker-credential-gcloud").touch(mode=0o755)  # comes with gcloud
    findings = check_vertex({}, project, environ, cloud.api + "/{service}", patience(60))
    assert [finding for finding in findings if finding.status != "ok"] == []
    image = f"europe-west4-docker.pkg.dev/demo-lab/firelib-jobs/firelib-trainer@sha256:{'0' * 64}"
    write_project(project)
    done = firelib_here(project, "submit", "--to", "vertex", "--dry-run", "--image", image, "--", "firelib", "train")
    assert done.returncode == 0, done.stderr
    [request] = json.loads(done.stdout)["requests"]
    api = Api(TOKEN)
    job = api.send("POST", f"{cloud.api}/aiplatform/v1/{request['parent']}/customJobs", request["customJob"])
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    log = api.send("POST", f"{cloud.api}/logging/v2/entries:list", {"filter": job["name"]})
    assert log["entries"] == [{"textPayload": "training starts"}]
    assert "secrets/firelib-wandb-api-key/versions/latest" in done.stdout


def assert_removal(make: Make, cloud: FakeCloud, project: Path) -> None:
    """It needs a confirmation, shows before what it would remove, and keeps data."""
    sent = list(cloud.sent)
    assert "CONFIRM=demo-lab" in make("vertex-down")
    dry = make("vertex-down", "DRY_RUN=1")
    assert failures(dry) == []
    for name in ("serviceAccounts/firelib-jobs", "repositories/firelib-jobs", "secrets/firelib-wandb-api-key"):
        assert name in dry
    cloud.objects[BUCKET] = [{"name": "firelib/runs/1", "generation": "1", "size": "100"}]
    assert "gcloud storage rm" in make("vertex-down", "CONFIRM=demo-lab")
    assert cloud.sent == sent
    cloud.objects[BUCKET] = []
    assert failures(make("vertex-down", "CONFIRM=demo-lab")) == []
    assert cloud.resources == {}
    assert not (project / ".firelib" / "vertex.env").exists()


def test_a_dry_run_makes_nothing(make: Make, cloud: FakeCloud, project: Path, tmp_path: Path) -> None:
    said = make("vertex", *WORDS, "SECRET=WANDB_API_KEY", "DRY_RUN=1")
    assert failures(said) == []
    for name in ("aiplatform.googleapis.com", "buckets/demo-lab-firelib-jobs", "roles/logging.logWriter on project"):
        assert name in said
    assert cloud.sent == []
    assert not (project / ".firelib").exists()
    assert not (tmp_path / "home" / ".docker").exists()


def test_refusals_say_what_to_do(make: Make, cloud: FakeCloud, project: Path) -> None:
    words = make("vertex", "REGION=$$(touch hacked)")
    assert "PROJECT is missing" in words
    assert "REGION: expected a region, such as europe-west4, got" in words
    assert not (project / "hacked").exists()
    assert "gcloud auth login --update-adc" in make("vertex", *WORDS, token="", PATH="/usr/bin:/bin")
    assert "gcloud projects list" in make("vertex", "PROJECT=other-lab", "REGION=europe-west4")
    assert "WANDB_API_KEY has no value" in make("vertex", *WORDS, "SECRET=WANDB_API_KEY")
    assert cloud.sent == []
