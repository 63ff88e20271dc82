"""The record and the lock of a cluster's folder: what firelib made for it, and who works on it now."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firelib.errors import FirelibError
from firelib.storage import lock_file, write_bytes
from firelib.vms.network import mark_of
from firelib.vms.plan import VmCluster

_RECORD = "firelib-vms.json"


@dataclass(frozen=True)
class ClusterRecord:
    """What lies outside of a cluster's folder, and belongs to it.

    Attributes:
        key: Private key for SSH; it may have existed before.
        known_hosts: The pinned host keys.
    """

    key: Path
    known_hosts: Path


def write_record(cluster: VmCluster) -> None:
    """Write the record of a cluster into its folder, which exists, before anything else is made."""
    content = {"mark": mark_of(cluster.name), "key": str(cluster.key), "known_hosts": str(cluster.known_hosts)}
    write_bytes(str(cluster.own_folder / _RECORD), f"{json.dumps(content, indent=2)}\n".encode())


def read_record(folder: Path, name: str) -> ClusterRecord | None:
    """Read the record of a cluster; None if nothing was made yet.

    Args:
        folder: Folder of the cluster.
        name: Name of the cluster.

    Raises:
        FirelibError: The folder has content, but no record of this cluster: firelib did not make it.
    """
    try:
        content = json.loads((folder / _RECORD).read_text())
    except FileNotFoundError:
        content = {}
    if content.get("mark") == mark_of(name):
        return ClusterRecord(Path(content["key"]), Path(content["known_hosts"]))
    if not all(path.name.startswith(f".{_RECORD}.") for path in folder.iterdir()):  # of an interrupted write
        raise FirelibError(
            f"the folder contains files, but no {_RECORD} of {mark_of(name)}: firelib did not make it",
            where=str(folder),
            remedy="move the folder away, or choose another cluster_name",
        )
    return None


def find_keys_of_others(folder: Path) -> set[Path]:
    """The private keys that other clusters of this machine use.

    Args:
        folder: Folder of the cluster.
    """
    records = (other / _RECORD for other in folder.parent.glob("*") if other != folder)
    return {Path(json.loads(record.read_text())["key"]) for record in records if record.exists()}


@contextmanager
def lock_cluster(folder: Path, name: str) -> Iterator[None]:
    """Keep other commands away from a cluster during the block.

    The folder itself is locked: no file remains once it has been removed.

    Args:
        folder: Folder of the cluster, which is created if it does not exist.
        name: Name of the cluster.

    Raises:
        FirelibError: Another command works on the cluster.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not _lock(descriptor, folder):
            raise FirelibError(
                f"another command works on the VMs of {name}",
                where=str(folder),
                remedy="wait until it has ended, then run this again",
            )
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> bool:
    try:
        lock_file(descriptor, wait=False)
    except BlockingIOError:
        return False
    # Otherwise another command has removed the folder in between.
    return folder.exists() and os.fstat(descriptor).st_ino == folder.stat().st_ino
