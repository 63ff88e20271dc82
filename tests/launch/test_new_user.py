"""The first job of a new user of Vertex AI, on stand-ins: three commands from an empty home to a finished job."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from firelib.gcp.vertex import docker_helper
from firelib.gcp.vertex.settings import read_saved
from firelib.launch.job_record import read_records
from tests.cluster.fake_gcp import TOKEN, FakeCloud, fake_cloud
from tests.launch.container_bucket import bucket
from tests.launch.fake_pools import fake_pools
from tests.launch.fake_registry import registry
from tests.launch.flights_project import weights
from tests.patience import patience
from tests.project import ROOT

pytestmark = pytest.mark.containers

SUBNET, GATEWAY = "172.29.96.0/24", "172.29.96.1"
BUCKET = "demo-lab-firelib-jobs"
LOGIN = "oauth2accesstoken:the-login-of-gcloud"
STAGES = ["extract", "transform", "train", "evaluate"]
# What comes with gcloud, and tells Docker the login of a registry.
HELPER = """#!/bin/sh
cat > /dev/null
echo '{{"Username": "{}", "Secret": "{}"}}'
"""


@dataclass
class User:
    """Somebody with a clone of firelib whose environment is installed, and an empty home.

    Attributes:
        folder: Holds both.
        environment: Variables that lead to the stand-ins.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("home", "bin"):
            (self.folder / name).mkdir(parents=True)
        clone = ["git", "clone", "--quiet", "-c", "advice.detachedHead=false", str(ROOT), str(self.project)]
        subprocess.run(clone, check=True)
        (self.project / ".venv").mkdir()
        (self.project / ".venv/bin").symlink_to(ROOT / ".venv/bin")
        params = self.project / "params.yaml"  # one month and two epochs, to be quick
        params.write_text(params.read_text().replace("version: null", "version: 0").replace("epochs: 5", "epochs: 2"))

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def type(self, typed: str, *more: str, fails: bool = False) -> str:
        """Run a command; return what it says.

        Args:
            typed: The command as a user types it.
            more: Words that lead it to a stand-in.
            fails: Whether it is to fail.
        """
        own = {"HOME": str(self.folder / "home"), "FIRELIB_TRACKING": "none", "NO_COLOR": "1", "COLUMNS": "180"}
        own["PATH"] = os.pathsep.join([str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        foreign = ("MAKEFLAGS", "MAKELEVEL", "DOCKER_CONFIG", "FIRELIB_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        done = subprocess.run(
            [*shlex.split(typed), *more],
            cwd=self.project,
            env={**inherited, **own, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience(900),
            check=False,
        )
        said = done.stdout + done.stderr
        assert bool(done.returncode) is fails, f"{typed}: exit code {done.returncode}\n{said[-8000:]}"
        return said

    def log_in(self, host: str) -> None:
        """Let Docker use gcloud's login at a registry, as `make vertex` does for Google's."""
        helper = self.folder / "bin/docker-credential-gcloud"
        helper.write_text(HELPER.format(*LOGIN.split(":")))
        helper.chmod(0o755)
        docker_helper.configure(docker_helper.config_file({}, self.folder / "home"), host, dry_run=False)

    def read(self, path: str) -> dict:
        return json.loads((self.project / path).read_text())


@pytest.fixture
def cloud():
    with fake_cloud() as running:
        running.disabled |= {"aiplatform", "artifactregistry", "cloudquotas", "iam", "secretmanager"}
        yield running


def test_three_commands_lead_to_a_finished_job(images, cloud, tmp_path):
    (tmp_path / "registry").mkdir()
    user = User(tmp_path / "there")
    prepare(user, cloud)
    with (
        registry(tmp_path / "registry", LOGIN) as address,
        images.network("firelib-new", SUBNET) as network,
        bucket(GATEWAY, BUCKET) as (root, variables),
        fake_pools(network, variables) as service,
    ):
        assert read_saved(user.project)["FIRELIB_STORAGE_ROOT"] == root
        user.environment |= {"BASE_IMAGE": images.base_image("python3", "python3-venv"), "BUILD_NETWORK": "host"}
        user.environment |= {"REGISTRY": f"{address}/demo-lab/firelib-jobs"}
        assert "cannot be pushed. Logged in?" in user.type("make images push", fails=True)
        user.log_in(address)
        user.type("make images push")
        # A stand-in's machine has the cores of this one, and two workers, as on this machine, give the same weights.
        user.type("firelib submit --to vertex", f"--set=endpoint={service.url}", "--cpus=2", "--", "firelib", "run")
        assert_finished(user, service)
    assert_as_here(user, User(tmp_path / "here"))


def prepare(user: User, cloud: FakeCloud) -> None:
    """The first command: the project has what jobs need."""
    api = {"GCP_ACCESS_TOKEN": TOKEN, "OPTIONS": f"-e vertex_api={cloud.api}/{{service}} -e vertex_poll_seconds=0"}
    made = [f"--old-file=.venv/.{name}" for name in ("cluster", "vertex")]  # the environment exists
    user.environment |= api
    user.type("make vertex PROJECT=demo-lab REGION=us-central1", *made)
    assert f"/storage/storage/v1/b/{BUCKET}" in cloud.resources
    docker = json.loads((user.folder / "home/.docker/config.json").read_text())
    assert docker == {"credHelpers": {"us-central1-docker.pkg.dev": "gcloud"}}


def assert_finished(user: User, service) -> None:
    """Each stage was a job, with the account and the image that the first two commands have made."""
    assert service.running() == []
    assert [job["state"] for job in service.jobs.values()] == ["JOB_STATE_SUCCEEDED"] * len(STAGES)
    run, *stages = read_records(user.project)
    assert run.environment == "vertex"
    assert [record.spec.stage for record in stages] == STAGES
    pushed = user.read("images/digests.json")
    names = ["extract", "transform", "trainer", "evaluate"]
    for job, name in zip(service.jobs.values(), names, strict=True):
        [pool] = job["jobSpec"]["workerPoolSpecs"]
        assert pool["containerSpec"]["imageUri"] == pushed[name]
        assert job["jobSpec"]["serviceAccount"] == "firelib-jobs@demo-lab.iam.gserviceaccount.com"


def assert_as_here(there: User, here: User) -> None:
    """The pipeline on this machine gives the same shards, weights and metrics."""
    here.type("firelib run")
    manifest = "data/flights/tfrecords/manifest.json"
    assert there.read(manifest)["splits"] == here.read(manifest)["splits"]
    np.testing.assert_allclose(weights(there.project), weights(here.project), rtol=0, atol=1e-5)
    metrics = [user.read("metrics/flights/test.json") for user in (there, here)]
    assert metrics[0] == pytest.approx(metrics[1], rel=1e-4)
