"""Google Cloud: what would be made, and the playbooks against a stand-in of its APIs."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from firelib.gcp.resources import leftovers
from tests.cluster.ansible_failures import failures
from tests.cluster.fake_gcp import ADDRESS, TOKEN, FakeCloud, fake_cloud
from tests.cluster.fake_gcp.faults import EachOnce
from tests.cluster.gcp_cluster import GCP, Cluster, resources
from tests.project import ROOT

GOLDEN = Path(__file__).parent / "golden"


def compare_with_golden(name: str, made: list[dict[str, Any]]) -> None:
    """After a change that is meant: `UPDATE_GOLDEN=1 pytest` writes the file anew, for review in the diff."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(json.dumps(made, indent=2) + "\n")
    assert made == json.loads(path.read_text())


def test_what_would_be_made_is_as_reviewed() -> None:
    compare_with_golden("gcp.json", resources())


def test_all_requests_are_as_reviewed(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set-up and teardown of a cluster whose second zone has capacity, and whose bucket has an object."""
    monkeypatch.setattr(leftovers, "_CONCURRENT_DELETIONS", 1)  # for one order
    cluster = Cluster(cloud)
    cloud.full["europe-west4-a"] = "operation"
    cluster.set_up()
    bucket = cluster.resource("buckets")["url"].removeprefix(cloud.api)
    cloud.objects[bucket] = [{"name": "runs/1/model.keras", "generation": "1", "size": "100"}]
    cluster.tear_down()
    cluster.tear_down(delete_data=True)
    compare_with_golden("gcp_requests.json", json.loads(json.dumps(cloud.bodies).replace(cloud.api, "")))


def test_only_the_head_has_an_address_outside_and_only_the_caller_gets_in() -> None:
    made = {item["name"]: item["body"] for item in resources()}
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
    instance = next(item for item in resources(**changes) if item["kind"] == "instances")
    assert instance["body"]["scheduling"] == scheduling


@pytest.mark.parametrize(
    ("changes", "disk_type"),
    [
        ({}, "pd-balanced"),
        ({"disk_type": "pd-ssd"}, "pd-ssd"),
        ({"machine_type": "c4-standard-8", "gpus": None}, "hyperdisk-balanced"),
    ],
)
def test_the_boot_disk_has_a_type(changes: dict[str, Any], disk_type: str) -> None:
    instance = next(item for item in resources(**changes) if item["kind"] == "instances")
    disk = instance["body"]["disks"][0]["initializeParams"]
    assert disk["diskType"] == f"projects/demo/zones/{{zone}}/diskTypes/{disk_type}"


def test_each_resource_carries_the_mark_of_the_cluster() -> None:
    for item in resources():
        body = item["body"].get("serviceAccount", item["body"])
        assert item["mark"].items() <= body.items()
        assert "firelib" in str(item["mark"])


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

    def run(
        playbook: str, *options: str, external: str | None = ADDRESS, token: str = TOKEN, gcp: dict[str, Any] = GCP
    ) -> str:
        raw = yaml.safe_load((ROOT / "cluster" / "cluster.yaml").read_text())
        raw["provider"] |= {"external_head_ip": external, "worker_ips": ["10.10.0.11"]}
        raw["provider"]["firelib"]["gcp"] = gcp
        raw["auth"]["ssh_private_key"] = str(tmp_path / "id")
        (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(raw))
        api = json.dumps({"provision_api": cloud.api + "/{service}", "provision_poll_seconds": 0})
        command = ["ansible-playbook", "-i", str(tmp_path / "cluster.yaml"), "--limit", "localhost", "-e", api]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*command, f"ansible/{playbook}", *options],
            cwd=ROOT,
            env={
                **os.environ,
                "PATH": path,
                "HOME": str(tmp_path),
                "GCP_ACCESS_TOKEN": token,
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",  # what `failures` reads
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def assert_no_failure(said: str) -> None:
    assert failures(said) == []
    assert "failed=0" in said


@pytest.mark.containers  # Ansible is there with `make test-cluster` only
def test_provision_and_teardown(play: Play, cloud: FakeCloud) -> None:
    first = play("setup.yml", external=None)
    assert f"`external_head_ip: {ADDRESS}`" in first  # how the user learns the address
    assert not any("/instances/" in path for path in cloud.resources)
    assert_no_failure(play("setup.yml"))
    sent = len(cloud.sent)
    again = play("setup.yml")
    assert "changed=0" in again
    assert TOKEN not in again
    assert len(cloud.sent) == sent
    verify = ("molecule/verify.yml", "--tags", "provision")
    assert_no_failure(play(*verify))
    stopped = next(path for path in cloud.resources if "/instances/" in path)
    cloud.resources[stopped]["status"] = "TERMINATED"  # by autostop
    assert "Check that every resource exists" in failures(play(*verify))[0]
    assert len(cloud.sent) == sent
    assert "changed=1 " in play("setup.yml")
    assert cloud.resources[stopped]["status"] == "RUNNING"
    assert "this removes" in play("teardown.yml")
    assert_dry_run_lists_what_goes_and_what_stays(play, cloud)
    assert_no_failure(play("teardown.yml", "-e", "confirm=firelib"))
    assert {path.split("/")[1] for path in cloud.resources} == {"artifactregistry", "storage"}  # what holds data


def assert_dry_run_lists_what_goes_and_what_stays(play: Play, cloud: FakeCloud) -> None:
    """Without a confirmation, each resource once."""
    sent = len(cloud.sent)
    said = play("teardown.yml", "--check")
    assert_no_failure(said)
    assert len(cloud.sent) == sent
    [shown] = [json.loads(part) for part in re.findall(r"^ok: \[localhost\] => (\{.*?^\})$", said, re.M | re.S)]
    removed, kept = shown["msg"].values()
    assert sorted(removed) == [
        "access of the cluster's machines to buckets/demo-firelib",
        "access of the cluster's machines to repositories/firelib",
        "addresses/firelib-head (europe-west4)",
        "disks/firelib-10-10-0-10 (europe-west4-a)",
        "disks/firelib-10-10-0-11 (europe-west4-a)",
        "firewalls/firelib-inside",
        "firewalls/firelib-ssh",
        "instances/firelib-10-10-0-10 (europe-west4-a)",
        "instances/firelib-10-10-0-11 (europe-west4-a)",
        "networks/firelib",
        "routers/firelib (europe-west4)",
        "serviceAccounts/firelib-node",
        "subnetworks/firelib (europe-west4)",
    ]
    assert kept == ["repositories/firelib", "buckets/demo-firelib"]


@pytest.mark.slow  # tests/gcp/resources meets the same faults without Ansible
@pytest.mark.containers
def test_playbooks_converge_with_every_fault(play: Play, cloud: FakeCloud) -> None:
    cloud.faults, cloud.operation_requests, cloud.account_delay, cloud.interference = EachOnce(), 3, 4, 2
    cloud.full["europe-west4-a"] = "operation"
    said = play("setup.yml")
    assert_no_failure(said)
    assert "waited until the new service account" in said
    assert "zone europe-west4-a has no capacity for firelib-10-10-0-10" in said
    assert set(cloud.created.values()) == {1}
    assert {body["status"] for path, body in cloud.resources.items() if "/instances/" in path} == {"RUNNING"}
    bucket = next(path for path in cloud.resources if path.endswith("/demo-firelib"))
    cloud.objects[bucket] = [{"name": f"runs/{n}", "generation": "1", "size": "10"} for n in range(3)]
    sent = len(cloud.sent)
    remove = ("teardown.yml", "-e", "confirm=firelib", "-e", "delete_data=true")
    dry_run = play(*remove, "--check")
    assert_no_failure(dry_run)
    assert "buckets/demo-firelib with 3 objects, 30 bytes" in dry_run
    assert "instances/firelib-10-10-0-11 (europe-west4-b)" in dry_run
    assert len(cloud.sent) == sent
    assert_no_failure(play(*remove))
    assert cloud.resources == {}


@pytest.mark.containers
def test_dry_run_makes_nothing(play: Play, cloud: FakeCloud) -> None:
    said = play("setup.yml", "--check")
    assert_no_failure(said)
    assert "nvidia-tesla-t4" in said
    assert cloud.sent == []


@pytest.mark.containers
def test_refusals_say_what_to_do(play: Play, cloud: FakeCloud) -> None:
    cloud.limits = {"NVIDIA_T4_GPUS": (0, 0), "CPUS": (4, 0)}
    said = play("setup.yml")
    assert "NVIDIA_T4_GPUS (europe-west4): limit 0, usage 0, need 2" in said
    assert "CPUS (europe-west4): limit 4, usage 0, need 16" in said
    assert cloud.sent == []
    assert "gcloud auth login" in play("setup.yml", token="")


@pytest.mark.containers
def test_the_callers_address_is_needed_for_the_setup_only(
    play: Play, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")  # no service tells the address
    unknown = GCP | {"allow_from": None}
    said = play("setup.yml", gcp=unknown)
    assert "the public IPv4 address of this machine is not known" in said
    assert "allow_from: 203.0.113.4/32" in said
    assert cloud.sent == []
    assert_no_failure(play("teardown.yml", "-e", "confirm=firelib", gcp=unknown))


@pytest.mark.containers
def test_what_cannot_be_removed_is_listed(play: Play, cloud: FakeCloud) -> None:
    disk = "/compute/compute/v1/projects/demo/zones/us-east1-b/disks/forgotten"
    cloud.resources[disk] = {"name": "forgotten", "labels": {"firelib-cluster": "firelib"}}
    cloud.immortal.add(disk)
    assert "still paid for: disks/forgotten (us-east1-b)" in play("teardown.yml", "-e", "confirm=firelib")
