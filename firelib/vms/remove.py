"""Remove the VMs of a cluster with all that was made for them, and prove that nothing is left."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from firelib.errors import FirelibError
from firelib.vms.cluster_record import ClusterRecord, lock_cluster, read_record
from firelib.vms.guest.processes import end_guests, find_guests
from firelib.vms.network import list_rules, own_links, remove_network
from firelib.vms.plan import DISK_NAME, VmCluster
from firelib.vms.ssh_keys import list_own_files


def plan_removal(cluster: VmCluster) -> list[str]:
    """List what belongs to a cluster on this machine, which is what `remove_vms` removes."""
    record = _read_record(cluster)
    return [
        *(f"process {process.pid} of VM {address}" for address, process in _guests(cluster).items()),
        *(f"disk {path}" for path in sorted(cluster.own_folder.glob(f"vms/*/{DISK_NAME}"))),
        *(f"network device {link.name}" for link in own_links(cluster.name)),
        *(f"rule of iptables, table {table}: {line}" for table, line in _rules(cluster.name)),
        *(f"file {path}" for path in list_own_files(record.key, record.known_hosts, cluster.name)),
        *([f"folder {cluster.own_folder}"] if cluster.own_folder.exists() else []),
    ]


def remove_vms(cluster: VmCluster) -> Iterator[str]:
    """Power off and remove all VMs of a cluster, also those that its file does not name any more.

    Args:
        cluster: The VMs.

    Yields:
        One line for each thing that was removed.

    Raises:
        FirelibError: Another command works on the VMs, or something is left.
    """
    listed = plan_removal(cluster)
    with lock_cluster(cluster.own_folder, cluster.name):
        _remove(cluster)
    yield from listed
    refuse_leftovers(cluster)


def refuse_leftovers(cluster: VmCluster) -> None:
    """Check that nothing of a cluster is left.

    Raises:
        FirelibError: Something is left; the error lists it.
    """
    if left := plan_removal(cluster):
        raise FirelibError(
            "\n".join(f"left: {item}" for item in left),
            where=f"cluster {cluster.name}",
            remedy="run the same command again",
        )


def _remove(cluster: VmCluster) -> None:
    """The folder with the record goes last, so that an interrupted removal can be repeated."""
    end_guests(list(_guests(cluster).values()))
    remove_network(cluster.name)
    record = _read_record(cluster)
    for path in list_own_files(record.key, record.known_hosts, cluster.name):
        path.unlink()
    _remove_folder(cluster.own_folder)


def _remove_folder(folder: Path) -> None:
    """Remove the disks before the record, which says whose the folder is."""
    if (folder / "vms").exists():
        shutil.rmtree(folder / "vms")
    shutil.rmtree(folder)


def _read_record(cluster: VmCluster) -> ClusterRecord:
    found = read_record(cluster.own_folder, cluster.name) if cluster.own_folder.exists() else None
    return found or ClusterRecord(cluster.key, cluster.known_hosts)


def _guests(cluster: VmCluster) -> dict[str, psutil.Process]:
    return find_guests(cluster.name, cluster.own_folder)


def _rules(name: str) -> Iterator[tuple[str, str]]:
    return ((table, line) for table, lines in list_rules(name).items() for line in lines)
