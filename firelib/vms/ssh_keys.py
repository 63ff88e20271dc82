"""SSH keys of a cluster: the user's key if it does not exist yet, a host key for each VM, and the pinned host keys."""

import os
from pathlib import Path

from firelib.errors import FirelibError
from firelib.vms.network import mark_of
from firelib.vms.plan import VmCluster
from firelib.vms.run_program import run_program


def public_key(key: Path) -> Path:
    """File of the public key that belongs to a private key."""
    return key.with_name(f"{key.name}.pub")


def create_user_key(cluster: VmCluster) -> None:
    """Create the cluster's key unless it exists; its comment is the cluster's mark.

    Raises:
        FirelibError: There is a public key of somebody else without its private key: ssh-keygen would replace it.
    """
    if not cluster.key.exists():
        _refuse_lone_public_key(cluster)
        _create_folder(cluster.key.parent)
        _generate(cluster.key, mark_of(cluster.name))
    if not public_key(cluster.key).exists():  # ssh-keygen was interrupted, or the user keeps the private key only
        public_key(cluster.key).write_text(run_program("ssh-keygen", "-y", "-f", cluster.key))
    for path in (cluster.key, public_key(cluster.key)):
        _give_to_owner_of_folder(path)


def create_host_key(path: Path, name: str) -> None:
    """Create the host key of a VM, on this machine, so that the first login can already check it."""
    _generate(path, name)


def pin_host_keys(cluster: VmCluster) -> None:
    """Write the host keys of all VMs into the cluster's known_hosts.

    Raises:
        FirelibError: There is such a file without the cluster's mark.
    """
    if cluster.known_hosts.exists() and not _is_pinned_for(cluster.known_hosts, cluster.name):
        raise FirelibError(
            f"the file exists, but firelib did not make it: expected {_header(cluster.name)!r} as its first line",
            where=str(cluster.known_hosts),
            remedy="move it away, choose another cluster_name, or auth.ssh_private_key in another folder",
        )
    lines = [f"{vm.address} {public_key(vm.host_key).read_text().strip()}\n" for vm in cluster.vms]
    temporary = cluster.known_hosts.with_name(f".{cluster.known_hosts.name}.new")
    temporary.write_text("".join([f"{_header(cluster.name)}\n", *lines]))
    temporary.rename(cluster.known_hosts)
    _give_to_owner_of_folder(cluster.known_hosts)


def list_own_files(key: Path, known_hosts: Path, name: str) -> list[Path]:
    """The files that firelib made for a cluster: those with its mark. A key that existed before has none."""
    pair = [path for path in (key, public_key(key)) if path.exists()]
    is_own = public_key(key).exists() and _is_marked(public_key(key), name)
    pinned = known_hosts.exists() and _is_pinned_for(known_hosts, name)
    return [*(pair if is_own else []), *([known_hosts] if pinned else [])]


def _refuse_lone_public_key(cluster: VmCluster) -> None:
    public = public_key(cluster.key)
    if public.exists() and not _is_marked(public, cluster.name):
        raise FirelibError(
            f"auth.ssh_private_key: there is {public}, but no {cluster.key}",
            where=f"cluster {cluster.name}",
            remedy="put the private key there, or name a file that does not exist: it is created with a new key",
        )


def _is_marked(public: Path, name: str) -> bool:
    return public.read_text().split()[2:] == [mark_of(name)]


def _is_pinned_for(known_hosts: Path, name: str) -> bool:
    return known_hosts.read_text().startswith(f"{_header(name)}\n")


def _header(name: str) -> str:
    return f"# {mark_of(name)}"


def _generate(path: Path, comment: str) -> None:
    run_program("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path)


def _create_folder(folder: Path) -> None:
    """Create a missing folder for keys, such as ~/.ssh, which its user must be able to use."""
    if not folder.exists():
        _create_folder(folder.parent)
        folder.mkdir(mode=0o700)
        _give_to_owner_of_folder(folder)


def _give_to_owner_of_folder(path: Path) -> None:
    """This program runs as root; the user whose folder it is must be able to read the key."""
    owner = path.parent.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
