"""Create the VMs of a cluster and start those that do not run. An interrupted call is completed by the next one."""

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from firelib.errors import FirelibError
from firelib.vms.cluster_record import ClusterRecord, lock_cluster, read_record, write_record
from firelib.vms.guest.accelerator import choose_accelerator
from firelib.vms.guest.command import Accelerator, qemu_command
from firelib.vms.guest.folder_server import serve_shared_folder
from firelib.vms.guest.processes import find_guests
from firelib.vms.guest.ssh_server import wait_for_ssh
from firelib.vms.image.base_image import build_image, find_image
from firelib.vms.image.download_settings import read_download_settings
from firelib.vms.image.seed import Keys, read_resolvers, seed_files, write_seed
from firelib.vms.image.unused_images import keep_images
from firelib.vms.network import create_network, plan_network_changes
from firelib.vms.plan import Vm, VmCluster
from firelib.vms.preflight import refuse_unready
from firelib.vms.run_program import run_program
from firelib.vms.ssh_keys import create_host_key, create_user_key, pin_host_keys, public_key

_UNFINISHED = ".new-"


def plan_creation(cluster: VmCluster) -> Iterator[str]:
    """Yield what `create_vms` would make and run, without doing it; nothing if all VMs run."""
    if any(not vm.folder.exists() for vm in cluster.vms):
        image = _find_image(cluster)
        yield f"{'use' if image.exists() else 'build'} base image {image}"
    yield from (f"create VM {vm.address} ({vm.name})" for vm in cluster.vms if not vm.folder.exists())
    yield from (shlex.join(command) for command in plan_network_changes(cluster))
    accelerator: Accelerator = "tcg" if cluster.qemu.accelerator == "tcg" else "kvm"
    for vm in _find_stopped(cluster):
        yield shlex.join(qemu_command(cluster, vm, accelerator))


def create_vms(cluster: VmCluster, timeout: float) -> Iterator[str]:
    """Create what is missing, start what does not run, and wait until every VM accepts logins.

    Args:
        cluster: The VMs.
        timeout: Seconds for a VM to boot.

    Yields:
        One line for each change; none if all VMs run.

    Raises:
        FirelibError: This machine cannot run the VMs, another command works on them, their key is another one than that
            of the cluster file, or a program failed.
    """
    refuse_unready(cluster, len(_find_stopped(cluster)))
    with lock_cluster(cluster.own_folder, cluster.name):
        _refuse_another_key(cluster, read_record(cluster.own_folder, cluster.name))  # refuses a folder of others, too
        write_record(cluster)
        create_user_key(cluster)
        yield from _create_missing(cluster)
        pin_host_keys(cluster)
        create_network(cluster)
        yield from _start_stopped(cluster)
        wait_for_ssh(cluster, timeout)


def _refuse_another_key(cluster: VmCluster, record: ClusterRecord | None) -> None:
    """Refuse a cluster file with another key than that which the VMs let in: nobody could log in to them."""
    if record and record.key != cluster.key and any(vm.folder.exists() for vm in cluster.vms):
        raise FirelibError(
            f"auth.ssh_private_key: the VMs were created with {record.key}, got {cluster.key}",
            where=f"cluster {cluster.name}",
            remedy=f"set it to {record.key}, or remove the VMs first (make vms-down)",
        )


def _create_missing(cluster: VmCluster) -> Iterator[str]:
    missing = [vm for vm in cluster.vms if not vm.folder.exists()]
    if not missing:
        return
    image = _find_image(cluster)
    if not image.exists():
        build_image(image, cluster.qemu.release, read_download_settings(cluster.qemu.release))
        yield f"built base image {image}"
    for vm in missing:
        with keep_images(cluster.images):
            _create_vm(cluster, vm, image)
        yield f"created VM {vm.address} ({vm.name})"


def _create_vm(cluster: VmCluster, vm: Vm, image: Path) -> None:
    """Create the files of a VM beside its folder, then rename them: the folder is complete if it exists."""
    unfinished = vm.folder.with_name(f"{_UNFINISHED}{vm.folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700, parents=True)
    (unfinished / vm.image_link.name).symlink_to(image)
    size = f"{cluster.qemu.disk_gib}G"
    run_program(
        *("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw"),
        *("-b", image / "root.ext4", unfinished / vm.disk.name, size),
    )
    host_key = unfinished / vm.host_key.name
    create_host_key(host_key, vm.name)
    keys = Keys(public_key(cluster.key).read_text(), host_key.read_text(), public_key(host_key).read_text())
    write_seed(seed_files(cluster, vm, keys, read_resolvers()), unfinished / vm.seed.name)
    unfinished.rename(vm.folder)


def _start_stopped(cluster: VmCluster) -> Iterator[str]:
    stopped = _find_stopped(cluster)
    if not stopped:
        return
    accelerator = choose_accelerator(cluster.qemu, stopped[0].image_link / "vmlinuz")
    for vm in stopped:
        with serve_shared_folder(cluster, vm):
            run_program(*qemu_command(cluster, vm, accelerator))
        yield f"started VM {vm.address} ({vm.name}) with {accelerator}"


def _find_image(cluster: VmCluster) -> Path:
    release = cluster.qemu.release
    return find_image(cluster.images, release, read_download_settings(release))


def _find_stopped(cluster: VmCluster) -> list[Vm]:
    running = find_guests(cluster.name, cluster.own_folder)
    return [vm for vm in cluster.vms if str(vm.address) not in running]
