"""What `make vertex` has written is the default of `firelib submit --to vertex`, and of no other backend."""

import json
from pathlib import Path
from typing import Any

import pytest

from firelib.gcp.vertex.settings import FILE, parse_settings
from firelib.launch.client.saved_settings import load_saved_settings
from tests.launch.drill import firelib_here, write_project

IMAGE = f"registry.invalid/lab/firelib-trainer@sha256:{'0' * 64}"
SETTINGS = parse_settings({"PROJECT": "my-lab-42", "REGION": "europe-west4", "SECRET": "WANDB_API_KEY"})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(SETTINGS.render())
    return write_project(tmp_path)


def request(project: Path, *arguments: str, **environ: str) -> dict[str, Any]:
    """The first request of `firelib submit`."""
    done = firelib_here(project, "submit", "--to", "vertex", "--dry-run", "--image", IMAGE, *arguments, **environ)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["requests"][0]
    return found


def test_submit_needs_no_settings_of_its_own(project: Path) -> None:
    found = request(project)
    spec = found["customJob"]["jobSpec"]
    assert found["parent"] == "projects/my-lab-42/locations/europe-west4"
    assert spec["serviceAccount"] == SETTINGS.account
    assert spec["baseOutputDirectory"]["outputUriPrefix"].startswith("gs://my-lab-42-firelib-jobs/firelib/jobs/")
    [pool] = spec["workerPoolSpecs"]
    assert pool["machineSpec"] == {"machineType": "n1-standard-8"}
    assert "projects/my-lab-42/secrets/firelib-wandb-api-key/versions/latest" in json.dumps(pool)


def test_options_and_variables_take_precedence(project: Path) -> None:
    found = request(
        project,
        *("--machine", "n1-standard-4", "--set", "region=us-east1"),
        *("--secret", "WANDB_API_KEY=gcp:projects/p/secrets/mine/versions/3"),
        FIRELIB_STORAGE_ROOT="gs://mine/firelib",
        GOOGLE_CLOUD_PROJECT="other-lab",
    )
    spec = found["customJob"]["jobSpec"]
    assert found["parent"] == "projects/other-lab/locations/us-east1"
    assert spec["baseOutputDirectory"]["outputUriPrefix"].startswith("gs://mine/firelib/")
    assert spec["workerPoolSpecs"][0]["machineSpec"] == {"machineType": "n1-standard-4"}
    assert "secrets/mine/versions/3" in json.dumps(spec)
    assert "versions/latest" not in json.dumps(spec)


@pytest.mark.parametrize(("root", "expected"), [("storage", SETTINGS.storage_root), ("gs://mine/firelib", None)])
def test_variables_are_set_unless_params_name_a_bucket(project: Path, root: str, expected: str | None) -> None:
    environ = {"GOOGLE_CLOUD_REGION": "us-east1"}
    load_saved_settings("vertex", project, root, environ)
    assert environ.get("FIRELIB_STORAGE_ROOT") == expected
    assert environ["GOOGLE_CLOUD_REGION"] == "us-east1"
    assert environ["GOOGLE_CLOUD_PROJECT"] == "my-lab-42"


def test_other_backends_do_not_read_the_file(project: Path) -> None:
    environ: dict[str, str] = {}
    assert load_saved_settings("kubeflow", project, "storage", environ) == {}
    assert environ == {}
