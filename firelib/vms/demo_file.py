"""The cluster file of `make cluster-demo`: the example, with as many VMs as this machine can run well."""

import copy
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import psutil
import yaml

from firelib.ray_setup.cluster_file import parse_cluster_file
from firelib.vms.guest.accelerator import choose_accelerator
from firelib.vms.guest.command import Accelerator
from firelib.vms.image.base_image import build_image, find_image
from firelib.vms.image.download_settings import read_download_settings
from firelib.vms.plan import plan_cluster

_NAME = "demo"
_KEY = "~/.ssh/firelib-demo"
_NETWORK = IPv4Network("10.10.99.0/24")  # the example's VMs can run at the same time
_GIB = 2**30


def plan_demo(example: Path, folder: Path) -> dict[str, Any]:
    """Return the content of the demo's cluster file; builds the base image, whose kernel shows whether KVM works.

    Args:
        example: Cluster file with local VMs.
        folder: Folder of all VMs of this machine.

    Raises:
        FirelibError: The example is invalid, or the image could not be built.
    """
    raw = yaml.safe_load(example.read_text(encoding="utf-8"))
    return describe_demo(raw, _probe(raw, example, folder), psutil.virtual_memory().available)


def describe_demo(example: Mapping[str, Any], accelerator: Accelerator, available: int) -> dict[str, Any]:
    """Return the content of the demo's cluster file.

    Args:
        example: Content of a cluster file with local VMs.
        accelerator: What runs the VMs' code; an emulated CPU runs one VM only.
        available: Free memory of this machine, in bytes; workers that would not fit are left out.
    """
    demo = copy.deepcopy(dict(example))
    provider, qemu = demo["provider"], demo["provider"]["firelib"]["qemu"]
    fitting = available // (qemu["memory_gib"] * _GIB) - 1
    workers = len(provider["worker_ips"]) if accelerator == "kvm" else 0
    head, *others = (str(_NETWORK.network_address + 10 + index) for index in range(1 + max(0, min(workers, fitting))))
    demo["cluster_name"] = _NAME
    demo["auth"]["ssh_private_key"] = _KEY
    provider |= {"head_ip": head, "worker_ips": others}
    qemu |= {"subnet": str(_NETWORK), "accelerator": accelerator}
    return demo


def _probe(raw: Mapping[str, Any], example: Path, folder: Path) -> Accelerator:
    cluster = plan_cluster(parse_cluster_file(raw, str(example)), folder)
    release = cluster.qemu.release
    downloads = read_download_settings(release)
    image = find_image(cluster.images, release, downloads)
    build_image(image, release, downloads)
    return choose_accelerator(cluster.qemu, image / "vmlinuz")
