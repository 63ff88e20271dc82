"""Google Cloud: what would be made, and the playbooks against a stand-in of its APIs."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.ansible_failures import failures
from tests.cluster.fake_gcp import ADDRESS, TOKEN, FakeCloud, fake_cloud
from tests.project import ROOT

GOLDEN = Path(__file__).parent / "golden" / "gcp.json"
GCP = {
    "project": "demo",
    "region": "europe-west4",
    "zone": "europe-west4-a",
    "machine_type": "n1-standard-8",
    "gpus": {"type": "nvidia-tesla-t4", "count": 1},
    "spot": True,
    "allow_from": "198.51.100.4/32",
}


def filters() -> Any:
    spec = importlib.util.spec_from_file_location("gcp", ROOT / "ansible" / "filters" / "gcp.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings(**changes: Any) -> dict[str, Any]:
    from firelib.ray_setup.cluster_file import Gcp

    gcp = Gcp.model_validate(GCP | changes).model_dump()
    hosts = {"head_ip": "10.10.0.10", "worker_ips": ["10.10.0.11"], "external_head_ip": ADDRESS}
    return {"name": "firelib", "user": "fire", "gcp": gcp, **hosts}


def planned(**changes: Any) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = filters().resources(
        settings(**changes), "https://{service}.googleapis.com", "198.51.100.4/32", "ssh-ed25519 AAAA fire"
    )
    return made


def test_what_would_be_made_is_as_reviewed() -> None:
    """After a change that is meant: `UPDATE_GOLDEN=1 pytest` writes the file anew, for review in the diff."""
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(planned(), indent=2) + "\n")
    assert planned() == json.loads(GOLDEN.read_text())


def test_only_the_head_has_an_address_outside_and_only_the_caller_gets_in() -> None:
    made = {item["name"]: item["body"] for item in planned()}
    cards = {name: body["networkInterfaces"][0] for name, body in made.items() if "networkInterfaces" in body}
    assert [name for name, card in cards.items() if card["accessConfigs"]] == ["firelib-10-10-0-10"]
    assert made["firelib-ssh"]["sourceRanges"] == ["198.51.100.4/32"]
    assert made["firelib-inside"]["sourceRanges"] == ["10.10.0.0/24"]


@pytest.mark.parametrize(
    ("changes", "scheduling"),
    [
        ({"spot": False}, {"onHostMaintenance": "TERMINATE", "automaticRestart": True}),
        ({"spot": False, "gpus": None}, {"onHostMaintenance": "MIGRATE", "automaticRestart": True}),
        (
            {"spot": False, "gpus": None, "machine_type": "g2-standard-4"},
            {"onHostMaintenance": "TERMINATE", "automaticRestart": True},
        ),
    ],
)
def test_machines_with_gpus_do_not_migrate(changes: dict[str, Any], scheduling: dict[str, Any]) -> None:
    instance = next(item for item in planned(**changes) if item["kind"] == "instances")
    assert instance["body"]["scheduling"] == scheduling


def test_autoscaling_file_is_valid_for_ray() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    raw = yaml.safe_load((ROOT / "cluster" / "gcp-autoscaling.yaml").read_text())
    validate_config(prepare_config(raw))
    starts = [*raw["head_start_ray_commands"], *raw["worker_start_ray_commands"]]
    assert all("RAY_AUTH_MODE=token" in line for line in starts if "ray start" in line)


Play = Callable[..., str]


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with fake_cloud() as made:
        yield made


@pytest.fixture
def play(tmp_path: Path, cloud: FakeCloud, programs: None) -> Play:
    """Run a playbook against the stand-in; only what happens on this machine."""
    (tmp_path / "id").write_text("no key")
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAA fire\n")

    def run(playbook: str, *options: str, external: str | None = ADDRESS, token: str = TOKEN) -> str:
        raw = yaml.safe_load((ROOT / "cluster" / "cluster.yaml").read_text())
        raw["provider"] |= {"external_head_ip": external, "worker_ips": ["10.10.0.11"]}
        raw["provider"]["firelib"]["gcp"] = GCP
        raw["auth"]["ssh_private_key"] = str(tmp_path / "id")
        (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(raw))
        api = json.dumps({"provision_api": cloud.api + "/{service}", "provision_poll_seconds": 0})
        command = ["ansible-playbook", "-i", str(tmp_path / "cluster.yaml"), "--limit", "localhost", "-e", api]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*command, f"ansible/{playbook}", *options],
            cwd=ROOT,
            env={**os.environ, "PATH": path, "HOME": str(tmp_path), "GCP_ACCESS_TOKEN": token},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return run


@pytest.mark.containers  # Ansible is there with `make test-cluster` only
def test_provision_and_teardown(play: Play, cloud: FakeCloud) -> None:
    first = play("setup.yml", external=None)
    assert f"`external_head_ip: {ADDRESS}`" in first  # how the user learns the address
    assert not any("/instances/" in path for path in cloud.resources)
    assert_no_failure(play("setup.yml"))
    assert sorted(cloud.resources) == sorted(golden_paths())
    sent = len(cloud.sent)
    again = play("setup.yml")
    assert "changed=0" in again
    assert TOKEN not in again
    assert len(cloud.sent) == sent
    stopped = next(path for path in cloud.resources if "/instances/" in path)
    cloud.resources[stopped]["status"] = "TERMINATED"  # by autostop
    assert "changed=1 " in play("setup.yml")
    assert cloud.resources[stopped]["status"] == "RUNNING"
    assert "this removes" in play("teardown.yml")
    assert_no_failure(play("teardown.yml", "-e", "confirm=firelib"))
    assert {path.split("/")[1] for path in cloud.resources} == {"artifactregistry", "storage"}  # what holds data
    assert_no_failure(play("teardown.yml", "-e", "confirm=firelib", "-e", "delete_data=true"))
    assert cloud.resources == {}


def assert_no_failure(said: str) -> None:
    assert failures(said) == []
    assert "failed=0" in said


def golden_paths() -> list[str]:
    urls = [item["url"] for item in json.loads(GOLDEN.read_text())]
    return ["/" + url.removeprefix("https://").replace(".googleapis.com", "", 1) for url in urls]


@pytest.mark.containers
def test_dry_run_makes_nothing(play: Play, cloud: FakeCloud) -> None:
    said = play("setup.yml", "--check")
    assert_no_failure(said)
    assert "nvidia-tesla-t4" in said
    assert cloud.sent == []


@pytest.mark.containers
def test_refusals_say_what_to_do(play: Play, cloud: FakeCloud) -> None:
    cloud.refuse["instances"] = "Quota 'NVIDIA_T4_GPUS' exceeded. Limit: 0.0 in region europe-west4."
    said = play("setup.yml")
    assert "Quota 'NVIDIA_T4_GPUS' exceeded" in said
    assert "choose another zone or machine type" in said
    assert "gcloud auth login" in play("setup.yml", token="")


@pytest.mark.containers
def test_orphans_are_listed(play: Play, cloud: FakeCloud) -> None:
    disks = "/compute/compute/v1/projects/demo/zones/europe-west4-a/disks"
    cloud.resources[f"{disks}/forgotten"] = {"name": "forgotten", "labels": {"firelib-cluster": "firelib"}}
    assert "still paid for: forgotten" in play("teardown.yml", "-e", "confirm=firelib")
