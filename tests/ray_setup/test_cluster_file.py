import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from firelib.ray_setup.cluster_file import parse_cluster_file, read_cluster_file
from tests.errors import refused
from tests.project import ROOT

FILE = ROOT / "cluster" / "cluster.yaml"
GCP = {"project": "p", "region": "europe-west4", "zone": "europe-west4-a", "machine_type": "n1-standard-8"}
L4 = {"type": "nvidia-l4"}
T4 = {"type": "nvidia-tesla-t4"}
KEY = {"ssh_private_key": "~/.ssh/id"}
RENTED = {"type": "local", "head_ip": "10.10.0.10", "worker_ips": [], "firelib": {"gcp": GCP}}
VMS = {"type": "local", "head_ip": "10.10.0.10", "worker_ips": [], "firelib": {"qemu": {}}}


@pytest.fixture
def raw() -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load(FILE.read_text()))


@pytest.mark.parametrize("name", ["cluster.yaml", "local-vms.yaml"])
def test_the_repositorys_file_is_valid_for_firelib_and_for_ray(name: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    file = FILE.with_name(name)
    raw = yaml.safe_load(file.read_text())
    assert read_cluster_file(file).provider.head_ip == raw["provider"]["head_ip"]
    prepared = prepare_config(raw)
    validate_config(prepared)
    node_type = prepared["available_node_types"]["local.cluster.node"]
    assert node_type["min_workers"] == len(raw["provider"]["worker_ips"])


def test_the_head_starts_with_the_first_autoscaler_and_private_addresses(raw: dict[str, Any]) -> None:
    start = raw["head_start_ray_commands"][-1]
    assert start.startswith("export RAY_enable_autoscaler_v2=0 ")
    assert "ray start --head" in start
    assert "--dashboard-host=$RAY_NODE_ADDRESS" in start
    assert "0.0.0.0" not in FILE.read_text()


@pytest.mark.parametrize("name", ["cluster.yaml", "local-vms.yaml"])
@pytest.mark.parametrize("host", ["head", "worker"])
def test_a_start_stops_what_is_left_of_any_process_of_ray(name: str, host: str) -> None:
    stop = yaml.safe_load(FILE.with_name(name).read_text())[f"{host}_start_ray_commands"][0]
    found = re.search(r"pgrep -f '(.+)' .*\|\| ray stop", stop)
    assert found
    left = (
        "venv/lib/site-packages/ray/core/src/ray/gcs/gcs_server",
        "venv/bin/python -m ray.util.client.server --port=1",
    )
    assert [line for line in left if not re.search(found[1], line)] == []
    assert not re.search(found[1], f"bash --login -c {stop}")  # the shell itself


def test_ray_up_works_from_every_folder(raw: dict[str, Any]) -> None:
    """No path depends on the current folder: `ray up cluster.yaml` inside cluster/ does the same as from the root."""
    paths = [*raw["file_mounts"].values(), raw["auth"]["ssh_private_key"]]
    assert [path for path in paths if not path.startswith(("~/", "/"))] == []


def test_every_wrong_key_is_named_with_the_nearest_valid_one(raw: dict[str, Any]) -> None:
    raw["provider"]["worker_ipz"] = raw["provider"].pop("worker_ips")
    raw["provider"]["firelib"]["pyton"] = "3.11"
    raw["head_start_commands"] = []
    named = [
        ("provider.worker_ipz", "worker_ips"),
        ("provider.firelib.pyton", "python"),
        ("head_start_commands", "head_start_ray_commands"),
    ]
    with refused(what=named, where="cluster.yaml", remedy="docs/cluster.md"):
        parse_cluster_file(raw, "cluster.yaml")


def change(path: str, value: Any, provider: dict[str, Any] | None = None) -> Callable[[dict[str, Any]], None]:
    def apply(raw: dict[str, Any]) -> None:
        raw["provider"] = provider or raw["provider"]
        *folders, last = path.split(".")
        for name in folders:
            raw = raw.setdefault(name, {})
        raw[last] = value

    return apply


@pytest.mark.parametrize(
    ("apply", "named"),
    [
        (change("provider.head_ip", "10.10.0.300"), ("provider.head_ip", "10.10.0.300")),
        (change("provider.worker_ips", ["10.10.0.10"]), ("provider", "10.10.0.10")),
        (change("provider.type", "aws"), ("provider.type", "local", "aws")),
        (change("provider.firelib.folder", "opt/firelib"), ("provider.firelib.folder", "opt/firelib")),
        (change("provider.firelib.autostop_minutes", -1), ("provider.firelib.autostop_minutes", -1)),
        (change("cluster_name", "My Cluster"), ("cluster_name", "My Cluster")),
        (change("provider.firelib.gcp", GCP | {"machine_type": "z9-huge"}), ("machine_type", "z9-huge")),
        (
            change(
                "provider.firelib.gcp", GCP | {"machine_type": "e2-standard-4", "gpus": {"type": "nvidia-tesla-t4"}}
            ),
            ("gpus", "e2-standard-4", "t4", "n1-highmem-16"),
        ),
        (
            change("provider.firelib.gcp", GCP | {"gpus": {"type": "nvidia-l4"}}),
            ("gpus", "n1-standard-8", "l4", "g2-standard-12"),
        ),
        (
            change("provider.firelib.gcp", GCP | {"gpus": {"type": "nvidia-tesla-t5"}}),
            ("gpus", "nvidia-tesla-t5", "nvidia-tesla-t4"),
        ),
        (
            change("provider.firelib.gcp", GCP | {"gpus": {"type": "nvidia-tesla-t4", "count": 3}}),
            ("gpus", "t4", "1, 2, 4", 3),
        ),
        (
            change("provider.firelib.gcp", GCP | {"machine_type": "g2-standard-4", "gpus": {"type": "nvidia-l4"}}),
            ("gpus", "g2-standard-4"),
        ),
        (
            change("provider.firelib.gcp", GCP | {"machine_type": "n1-standard-96", "gpus": T4}),
            ("gpus", "1 t4", 48, 312, "n1-standard-96", 96, 360),
        ),
        (change("provider.firelib.gcp", GCP | {"zone": "us-east1-b"}), ("zone", "us-east1-b", "europe-west4")),
        (
            change("provider.firelib.gcp", GCP | {"zone": None, "zones": ["europe-west4-a", "us-east1-b"]}),
            ("zone", "us-east1-b", "europe-west4"),
        ),
        (change("provider.firelib.gcp", GCP | {"zones": ["europe-west4-a"]}), ("zone", "zones", "both")),
        (change("provider.firelib.gcp", GCP | {"zone": None}), ("zone", "zones", "neither")),
        (change("provider.firelib.gcp", GCP | {"gpus": T4 | {"count": 0}}), ("provider.firelib.gcp.gpus.count", 1, 0)),
        (change("provider.firelib.gcp", GCP | {"disk_type": "pd-balance"}), ("disk_type", "pd-balance", "pd-balanced")),
        (
            change("provider.firelib.gcp", GCP | {"machine_type": "c4-standard-8", "disk_type": "pd-ssd"}),
            ("disk_type", "c4-standard-8", "hyperdisk-balanced", "pd-ssd"),
        ),
        (
            change("provider.firelib.gcp", GCP | {"machine_type": "a4-highgpu-8g"}),
            ("image", "a4-highgpu-8g", "ubuntu-2404-lts-amd64"),
        ),
        (
            change(
                "provider.firelib.gcp", GCP | {"gpus": {"type": "nvidia-l4"}, "zone": "us-east1-b", "disk_type": "x"}
            ),
            ("l4", "us-east1-b", "disk_type"),
        ),
        (change("provider.firelib.gcp", GCP | {"subnet": "10.9.0.0/24"}), ("10.10.0.10", "10.9.0.0/24")),
        (
            change("provider.firelib.gcp", GCP | {"subnet": "10.10.0.8/30"}),
            ("10.10.0.10", "reserved", "10.10.0.12", "outside"),
        ),
        (
            change("provider.firelib.gcp", GCP | {"allow_from": "2001:db8::1"}),
            ("provider.firelib.gcp.allow_from", "2001:db8::1"),
        ),
        (change("provider.firelib", {"gcp": GCP, "qemu": {}}), ("gcp", "qemu")),
        (change("provider.firelib.qemu", {"memory_gib": 0}), ("provider.firelib.qemu.memory_gib", 0)),
        (change("provider.firelib.qemu", {"release": "buster"}), ("provider.firelib.qemu.release", "buster")),
        (change("provider.firelib.qemu", {"subnet": "10.10.0.1/24"}), ("provider.firelib.qemu.subnet", "10.10.0.1/24")),
        (change("provider.firelib.qemu", {"subnet": "10.9.0.0/24"}), ("10.10.0.10", "10.10.0.12", "10.9.0.0/24")),
        (change("provider", VMS | {"worker_ips": ["10.10.0.1", "10.10.0.255"]}), ("10.10.0.1", "10.10.0.255")),
        (change("provider.firelib.qemu", {"subnet": "10.0.0.0/8"}), ("qemu.subnet", "10.0.0.0/8")),
        (change("provider", VMS | {"external_head_ip": "203.0.113.7"}), ("external_head_ip",)),
        (change("cluster_name", "a" * 26, RENTED), ("cluster_name", 25, 26)),
        (change("auth", {"ssh_user": "x"}, RENTED), ("auth.ssh_private_key", "gcp")),
        (change("auth", {"ssh_user": "x"}, VMS), ("auth.ssh_private_key", "qemu")),
        (change("auth", KEY | {"ssh_user": "root"}, VMS), ("auth.ssh_user", "root", "firelib")),
        (change("auth", KEY | {"ssh_user": "ann smith"}, VMS), ("auth.ssh_user", "ann smith")),
    ],
)
def test_wrong_value_is_named(
    raw: dict[str, Any], apply: Callable[[dict[str, Any]], None], named: tuple[str | int, ...]
) -> None:
    apply(raw)
    with refused(what=[named], where="cluster.yaml"):
        parse_cluster_file(raw, "cluster.yaml")


def test_zones_and_disk_type_have_defaults(raw: dict[str, Any]) -> None:
    raw["provider"]["firelib"]["gcp"] = GCP
    gcp = parse_cluster_file(raw, "x").hosts.gcp
    assert gcp is not None
    assert (gcp.candidate_zones, gcp.boot_disk_type) == (["europe-west4-a"], "pd-balanced")
    zones = ["europe-west4-b", "europe-west4-a"]
    raw["provider"]["firelib"]["gcp"] = GCP | {"zone": None, "zones": zones, "machine_type": "c4-standard-8"}
    gcp = parse_cluster_file(raw, "x").hosts.gcp
    assert gcp is not None
    assert (gcp.candidate_zones, gcp.boot_disk_type) == (zones, "hyperdisk-balanced")


def test_autostop_is_on_by_default_on_google_cloud_only(raw: dict[str, Any]) -> None:
    assert parse_cluster_file(raw, "x").hosts.autostop == 0
    raw["provider"]["firelib"]["gcp"] = GCP
    assert parse_cluster_file(raw, "x").hosts.autostop == 30
    raw["provider"]["firelib"]["autostop_minutes"] = 0
    assert parse_cluster_file(raw, "x").hosts.autostop == 0


def test_a_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text("- a")
    with refused(what="mapping", where=path, remedy="docs/cluster.md"):
        read_cluster_file(path)


def test_local_vms_start_ray_as_other_hosts_do() -> None:
    commands = [
        {key: value for key, value in yaml.safe_load(FILE.with_name(name).read_text()).items() if "commands" in key}
        for name in ("cluster.yaml", "local-vms.yaml")
    ]
    assert commands[0] == commands[1]
