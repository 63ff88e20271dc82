import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from firelib.cluster_file import parse_cluster_file, read_cluster_file
from firelib.errors import FirelibError
from tests.project import ROOT

FILE = ROOT / "cluster" / "cluster.yaml"
GCP = {"project": "p", "region": "europe-west4", "zone": "europe-west4-a", "machine_type": "n1-standard-8"}
T4 = {"type": "nvidia-tesla-t4"}


@pytest.fixture
def raw() -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load(FILE.read_text()))


def refusal(raw: dict[str, Any]) -> str:
    with pytest.raises(FirelibError) as error:
        parse_cluster_file(raw, "cluster.yaml")
    return str(error.value)


def test_the_repositorys_file_is_valid_for_firelib_and_for_ray(raw: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    assert read_cluster_file(FILE).provider.head_ip == raw["provider"]["head_ip"]
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


def test_every_wrong_key_is_named_with_the_nearest_valid_one(raw: dict[str, Any]) -> None:
    raw["provider"]["worker_ipz"] = raw["provider"].pop("worker_ips")
    raw["provider"]["firelib"]["pyton"] = "3.11"
    raw["head_start_commands"] = []
    said = refusal(raw)
    assert "provider.worker_ips is missing" in said
    assert "provider.worker_ipz is unknown: did you mean 'worker_ips'?" in said
    assert "provider.firelib.pyton is unknown: did you mean 'python'?" in said
    assert "head_start_commands is unknown: did you mean 'head_start_ray_commands'?" in said


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(raw: dict[str, Any]) -> None:
        *folders, last = path.split(".")
        for name in folders:
            raw = raw.setdefault(name, {})
        raw[last] = value

    return apply


@pytest.mark.parametrize(
    ("apply", "says"),
    [
        (change("provider.head_ip", "10.10.0.300"), "provider.head_ip"),
        (change("provider.worker_ips", ["10.10.0.10"]), "10.10.0.10 is there more than once"),
        (change("provider.type", "aws"), "provider.type: Input should be 'local', got 'aws'"),
        (change("provider.firelib.folder", "opt/firelib"), "provider.firelib.folder"),
        (change("provider.firelib.autostop_minutes", -1), "provider.firelib.autostop_minutes"),
        (change("cluster_name", "My Cluster"), "cluster_name"),
        (change("provider.firelib.gcp", GCP | {"machine_type": "z9-huge"}), "'z9-huge' is of no family"),
        (
            change(
                "provider.firelib.gcp", GCP | {"machine_type": "e2-standard-4", "gpus": {"type": "nvidia-tesla-t4"}}
            ),
            "gpus: e2-standard-4 can take no t4; these can: n1-highmem-16",
        ),
        (
            change("provider.firelib.gcp", GCP | {"gpus": {"type": "nvidia-l4"}}),
            "gpus: n1-standard-8 can take no l4; these can: g2-standard-12",
        ),
        (
            change("provider.firelib.gcp", GCP | {"gpus": {"type": "nvidia-tesla-t5"}}),
            "there is no 'nvidia-tesla-t5': did you mean 'nvidia-tesla-t4'?",
        ),
        (
            change("provider.firelib.gcp", GCP | {"gpus": {"type": "nvidia-tesla-t4", "count": 3}}),
            "gpus: t4 comes by 1, 2, 4, got 3",
        ),
        (
            change("provider.firelib.gcp", GCP | {"machine_type": "g2-standard-4", "gpus": {"type": "nvidia-l4"}}),
            "drop gpus, they come with it",
        ),
        (
            change("provider.firelib.gcp", GCP | {"machine_type": "n1-standard-96", "gpus": T4}),
            "gpus: 1 t4 allow 48 vCPUs and 312 GiB, n1-standard-96 has 96 and 360",
        ),
        (change("provider.firelib.gcp", GCP | {"zone": "us-east1-b"}), "'us-east1-b' is not in region 'europe-west4'"),
    ],
)
def test_wrong_value_is_named(raw: dict[str, Any], apply: Callable[[dict[str, Any]], None], says: str) -> None:
    apply(raw)
    assert says in refusal(raw)


def test_autostop_is_on_by_default_on_google_cloud_only(raw: dict[str, Any]) -> None:
    assert parse_cluster_file(raw, "x").hosts.autostop == 0
    raw["provider"]["firelib"]["gcp"] = GCP
    assert parse_cluster_file(raw, "x").hosts.autostop == 30
    raw["provider"]["firelib"]["autostop_minutes"] = 0
    assert parse_cluster_file(raw, "x").hosts.autostop == 0


@pytest.mark.parametrize(
    ("text", "says"), [("a: [", "is not YAML"), ("- a", "holds no mapping"), (None, "cannot read")]
)
def test_unreadable_file_is_refused(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "cluster.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FirelibError, match=says):
        read_cluster_file(path)
