"""`python -m firelib.vms up|down|list CLUSTER_FILE`: the local VMs of a cluster file."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
import yaml

from firelib.cluster.setup_lock import refuse_locked
from firelib.console import note, out
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import read_cluster_file
from firelib.vms.create import create_vms, plan_creation
from firelib.vms.demo_file import plan_demo
from firelib.vms.guest.processes import find_guests
from firelib.vms.image.unused_images import remove_unused_images
from firelib.vms.listing import list_vms
from firelib.vms.plan import DEFAULT_FOLDER, VmCluster, plan_cluster
from firelib.vms.preflight import add_system_paths, find_missing, refuse
from firelib.vms.remove import plan_removal, remove_vms

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
File = Annotated[Path, typer.Argument(metavar="CLUSTER_FILE", help="file with the section provider.firelib.qemu")]
Folder = Annotated[Path, typer.Option(help="folder of images and disks")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only show what would be done")]

_EMULATED = (
    "note: KVM does not work here, so the VM's CPU is emulated: the whole pipeline takes more than an hour, most of it "
    "in training. To shorten it, set data.version: 0 (January) and train.epochs: 1 in params.yaml."
)


@app.command()
def up(
    cluster_file: File,
    folder: Folder = DEFAULT_FOLDER,
    dry_run: DryRun = False,
    timeout: Annotated[float, typer.Option(help="seconds until every VM must accept logins")] = 600.0,
) -> None:
    """Create the VMs, or start those that do not run; prints what it changed."""
    cluster = _plan(cluster_file, folder)
    refuse(find_missing())
    _print(plan_creation(cluster) if dry_run else create_vms(cluster, timeout))


@app.command()
def down(
    cluster_file: File,
    folder: Folder = DEFAULT_FOLDER,
    dry_run: DryRun = False,
    delete_data: Annotated[bool, typer.Option("--delete-data", help="also remove the VMs' shared folder")] = False,
    images: Annotated[bool, typer.Option("--images", help="also remove base images that no VM uses")] = False,
) -> None:
    """Remove the VMs with their disks, network and keys, and check that nothing is left."""
    cluster = _plan(cluster_file, folder)
    refuse(find_missing())
    if dry_run:
        _print(plan_removal(cluster, delete_data))
        return
    _refuse_set_up(cluster_file, cluster)
    _print(remove_vms(cluster, delete_data))
    if images:
        _print(f"base image {image}" for image in remove_unused_images(cluster.folder))


@app.command("list")
def list_command(cluster_file: File, folder: Folder = DEFAULT_FOLDER) -> None:
    """List the VMs with their state, and what else belongs to the cluster on this machine."""
    cluster = _plan(cluster_file, folder)
    refuse(find_missing())
    _print(list_vms(cluster))


@app.command()
def demo_file(example: File, folder: Folder = DEFAULT_FOLDER) -> None:
    """Print the cluster file of `make cluster-demo`; first builds the base image, with whose kernel it probes KVM."""
    add_system_paths()
    refuse(find_missing())
    demo = plan_demo(example, folder.resolve())
    vms, accelerator = 1 + len(demo["provider"]["worker_ips"]), demo["provider"]["firelib"]["qemu"]["accelerator"]
    note(f"note: {vms} VM{'s' if vms > 1 else ''}, accelerator {accelerator}")
    if accelerator == "tcg":
        note(_EMULATED)
    typer.echo(yaml.safe_dump(demo, sort_keys=False), nl=False)


def _plan(cluster_file: Path, folder: Path) -> VmCluster:
    """Plan the VMs; the folder without links, since processes and disks of VMs are recognised by their paths."""
    add_system_paths()
    return plan_cluster(read_cluster_file(cluster_file), folder.resolve())


def _refuse_set_up(cluster_file: Path, cluster: VmCluster) -> None:
    """Refuse to remove VMs while somebody else is setting them up; the lock is on the head, if it runs."""
    head = str(cluster.vms[0].address)
    if head in find_guests(cluster.name, cluster.own_folder):
        refuse_locked(cluster_file, read_cluster_file(cluster_file))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        out.print(line, highlight=False)


def main() -> int:
    """Run the command line.

    Returns:
        The exit code.
    """
    try:
        app()  # exits itself, except after an error of firelib
    except FirelibError as error:
        note(f"error: {error}")
        return error.exit_code
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
