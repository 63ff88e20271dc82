"""The state of VMs on this machine."""

from collections.abc import Iterator

from firelib.vms.guest.processes import find_guests
from firelib.vms.plan import VmCluster
from firelib.vms.remove import plan_removal


def list_vms(cluster: VmCluster) -> Iterator[str]:
    """Yield one line for each VM of a cluster file, and for each thing on this machine that belongs to the cluster."""
    running = find_guests(cluster.name, cluster.own_folder)
    for vm in cluster.vms:
        state = "running" if str(vm.address) in running else "stopped" if vm.folder.exists() else "absent"
        yield f"{vm.address} {vm.name} {state}"
    yield from plan_removal(cluster)
