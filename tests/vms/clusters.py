"""A cluster of two local VMs, planned from plain data."""

from pathlib import Path
from typing import Any

from firelib.ray_setup.cluster_file import parse_cluster_file
from firelib.vms.plan import VmCluster, plan_cluster


def raw_cluster(name: str = "lab", shared_folder: str | None = None, **qemu: Any) -> dict[str, Any]:
    return {
        "cluster_name": name,
        "provider": {
            "type": "local",
            "head_ip": "10.20.0.10",
            "worker_ips": ["10.20.0.11"],
            "firelib": {"shared_folder": shared_folder, "qemu": {"subnet": "10.20.0.0/24", **qemu}},
        },
        "auth": {"ssh_user": "fire", "ssh_private_key": "/keys/id"},
    }


def vm_cluster(folder: Path, name: str = "lab", key: Path | None = None, **qemu: Any) -> VmCluster:
    raw = raw_cluster(name, **qemu)
    raw["auth"]["ssh_private_key"] = str(key or folder / "keys" / "id")
    return plan_cluster(parse_cluster_file(raw, "cluster.yaml"), folder)
