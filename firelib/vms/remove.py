"""Remove the VMs of a cluster with all that was made for them, and prove that nothing is left."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from firelib.errors import FirelibError
from firelib.vms.cluster_record import ClusterRecord, find_keys_of_others, lock_cluster, read_record
from firelib.vms.guest.folder_server import find_servers
from firelib.vms.guest.processes import end_processes, find_guests
from firelib.vms.network import list_rules, own_links, remove_network
from firelib.vms.plan import DISK_NAME, VmCluster
from firelib.vms.ssh_keys import list_own_files, public_key


def plan_removal(cluster: VmCluster, delete_data: bool = False) -> list[str]:
    """List what belongs to a cluster on this machine, which is what `remove_vms` removes.

    Args:
        cluster: The VMs.
        delete_data: Whether this includes the folder that the VMs share, with the data of jobs.
    """
    return [
        *(f"process {process.pid} of VM {address}" for address, process in _guests(cluster).items()),
        *(f"process {process.pid} shares a folder with VM {address}" for address, process in find_servers(cluster)),
        *(f"disk {path}" for path in sorted(cluster.own_folder.glob(f"vms/*/{DISK_NAME}"))),
        *(f"network device {link.name}" for link in own_links(cluster.name)),
        *(f"rule of iptables, table {table}: {line}" for table, line in _rules(cluster.name)),
        *(f"file {path}" for path in _list_files(cluster)),
        *(f"folder {folder}" for folder in _folders(cluster, delete_data) if folder.exists()),
    ]


def remove_vms(cluster: VmCluster, delete_data: bool = False) -> Iterator[str]:
    """Power off and remove all VMs of a cluster, also those that its file does not name any more.

    Args:
        cluster: The VMs.
        delete_data: Whether to remove the folder that the VMs share, too.

    Yields:
        One line for each thing that was removed.

    Raises:
        FirelibError: Another command works on the VMs, or something is left.
    """
    listed = plan_removal(cluster, delete_data)
    with lock_cluster(cluster.own_folder, cluster.name):
        _remove(cluster, delete_data)
    yield from listed
    refuse_leftovers(cluster, delete_data)
    if listed and cluster.shared_source.exists():
        yield f"kept folder {cluster.shared_source}: -e delete_data=true removes it, too"


def refuse_leftovers(cluster: VmCluster, delete_data: bool) -> None:
    """Check that nothing of a cluster is left.

    Raises:
        FirelibError: Something is left; the error lists it.
    """
    if left := plan_removal(cluster, delete_data):
        raise FirelibError(
            "\n".join(f"left: {item}" for item in left),
            where=f"cluster {cluster.name}",
            remedy="run the same command again",
        )


def _remove(cluster: VmCluster, delete_data: bool) -> None:
    """The folder with the record goes last, so that an interrupted removal can be repeated."""
    end_processes(list(_guests(cluster).values()))
    end_processes([process for _, process in find_servers(cluster)])
    remove_network(cluster.name)
    for path in _list_files(cluster):
        path.unlink()
    for folder in _folders(cluster, delete_data):
        _remove_folder(folder)


def _folders(cluster: VmCluster, delete_data: bool) -> tuple[Path, ...]:
    return (cluster.shared_source, cluster.own_folder) if delete_data else (cluster.own_folder,)


def _remove_folder(folder: Path) -> None:
    """Remove the disks before the record, which says whose the folder is."""
    for path in (folder / "vms", folder):
        if path.exists():
            shutil.rmtree(path)


def _list_files(cluster: VmCluster) -> list[Path]:
    """The cluster's own files outside of its folder; the key stays while another cluster uses it."""
    record = _read_record(cluster)
    is_shared = record.key in find_keys_of_others(cluster.own_folder)
    kept = (record.key, public_key(record.key)) if is_shared else ()
    return [path for path in list_own_files(record.key, record.known_hosts, cluster.name) if path not in kept]


def _read_record(cluster: VmCluster) -> ClusterRecord:
    found = read_record(cluster.own_folder, cluster.name) if cluster.own_folder.exists() else None
    return found or ClusterRecord(cluster.key, cluster.known_hosts)


def _guests(cluster: VmCluster) -> dict[str, psutil.Process]:
    return find_guests(cluster.name, cluster.own_folder)


def _rules(name: str) -> Iterator[tuple[str, str]]:
    return ((table, line) for table, lines in list_rules(name).items() for line in lines)
