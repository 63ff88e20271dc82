"""Fixtures of the tests of jobs, started once for all tests: a Ray head with a token, images and a registry."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import Engine, engine
from tests.launch.built_images import build_images, push_images
from tests.launch.drill import PLANTED
from tests.launch.fake_registry import registry
from tests.launch.flights_project import write_flights
from tests.launch.ray_head import Head, ray_head
from tests.patience import patience
from tests.project import ROOT


@pytest.fixture(scope="session")
def head() -> Iterator[Head]:
    with ray_head() as running:
        yield running


@pytest.fixture(scope="session")
def images() -> Iterator[Engine]:
    """An engine with all images, built from a bare Debian in an environment that contains secrets."""
    with engine() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", running.socket)
        build_images(running, variables=PLANTED)
        yield running


@pytest.fixture(scope="session")
def pushed(images, tmp_path_factory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A registry's folder, and component → image by digest, as `make push` prints and writes them."""
    folder = tmp_path_factory.mktemp("registry")
    with registry(folder) as address:
        yield folder, push_images(images, f"{address}/lab")


@pytest.fixture(scope="session")
def composed(images, tmp_path_factory) -> Path:
    """A project that compose.yaml's containers have run from sources to an evaluated model."""
    folder = write_flights(tmp_path_factory.mktemp("composed"))
    environment = {
        **os.environ,
        **PLANTED,
        "PROJECT": str(folder),
        "USER_ID": str(os.getuid()),
        "GROUP_ID": str(os.getgid()),
    }
    environment |= {"FIRELIB_TRACKING": "none", "FIRELIB_NUM_CPUS": "3", "COMPOSE_PROJECT_NAME": "composed"}
    up = ["docker-compose", "--file", str(ROOT / "compose.yaml"), "up", "--no-color"]
    done = subprocess.run(up, env=environment, capture_output=True, text=True, check=False, timeout=patience(580))
    times = "{{.Name}} {{.State.ExitCode}} {{.State.StartedAt}} {{.State.FinishedAt}}"
    ran = images.docker("ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project=composed").split()
    (folder / "containers.txt").write_text(images.docker("inspect", "--format", times, *ran))
    (folder / "compose.log").write_text(done.stdout + done.stderr)
    subprocess.run([*up[:3], "down"], env=environment, capture_output=True, check=True)
    assert (folder / "metrics/flights/test.json").exists(), done.stdout[-6000:] + done.stderr[-3000:]
    return folder
