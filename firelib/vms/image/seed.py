"""A VM's seed: a small disk with what is its own, which a unit of the base image copies at every boot.

It takes the part of cloud-init, which would need Python in the image and a minute of an emulated CPU.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firelib.vms.plan import SHARED_TAG, USER_ID, Vm, VmCluster
from firelib.vms.run_program import run_program

_LABEL = "firelib-seed"
_SIZE = "1M"
_FSTAB = "etc/firelib.fstab"
RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))  # the first one names no 127.0.0.53
_LOCAL_SERVER = re.compile(r"nameserver\s+(127\.|::1\b)")
SEED_UNIT_NAME = "firelib-seed.service"
#: The unit runs before anything reads these files. Users and homes come from systemd-sysusers and systemd-tmpfiles.
SEED_UNIT = f"""\
[Unit]
Description=Copy name, network, user and keys from the seed disk
DefaultDependencies=no
Requires=local-fs.target
After=local-fs.target
Before=sysinit.target systemd-networkd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mkdir -p /run/firelib-seed
ExecStart=mount -o ro LABEL={_LABEL} /run/firelib-seed
ExecStart=cp --recursive --preserve=mode --no-target-directory /run/firelib-seed/files /
ExecStart=umount /run/firelib-seed
ExecStart=systemd-sysusers
ExecStart=systemd-tmpfiles --create --prefix=/home
ExecStart=mount --all --fstab /{_FSTAB}

[Install]
WantedBy=sysinit.target
"""


@dataclass(frozen=True)
class SeedFile:
    """A file of a VM.

    Attributes:
        content: Its text; not in the representation, since it may be a private key.
        mode: Its permissions.
    """

    content: str = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True)
class Keys:
    """SSH keys of a VM.

    Attributes:
        user: Public key of the cluster's user.
        host: Private key of the VM's SSH server.
        host_public: Its public key.
    """

    user: str
    host: str = field(repr=False)
    host_public: str


def write_seed(files: Mapping[str, SeedFile], target: Path) -> None:
    """Write a seed disk.

    Args:
        files: Path in the VM, without the first slash → file.
        target: File of the disk.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        for path, file in files.items():
            copy = Path(scratch, "files", path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch(0o600)
            copy.write_text(file.content)
            copy.chmod(file.mode)
        target.touch(0o600)  # it contains the private host key
        run_program("mke2fs", "-q", "-t", "ext2", "-L", _LABEL, "-d", scratch, target, _SIZE)


def seed_files(cluster: VmCluster, vm: Vm, keys: Keys, resolvers: str) -> dict[str, SeedFile]:
    """Return the files of a VM: path without the first slash → file.

    Args:
        cluster: The cluster.
        vm: The VM.
        keys: Its keys.
        resolvers: Content of its /etc/resolv.conf.
    """
    return {
        "etc/hostname": SeedFile(f"{vm.name}\n"),
        "etc/hosts": SeedFile(f"127.0.0.1 localhost\n{vm.address} {vm.name}\n"),
        "etc/resolv.conf": SeedFile(resolvers),
        "etc/systemd/network/10-firelib.network": SeedFile(_network(cluster, vm)),
        "etc/sysusers.d/firelib.conf": SeedFile(f"u {cluster.user} {USER_ID} - /home/{cluster.user} /bin/bash\n"),
        "etc/tmpfiles.d/firelib.conf": SeedFile(_home(cluster.user, keys.user)),
        "etc/sudoers.d/firelib": SeedFile(_sudoers(cluster.user), 0o440),
        _FSTAB: SeedFile(_mounts(cluster)),
        "etc/ssh/ssh_host_ed25519_key": SeedFile(keys.host, 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": SeedFile(keys.host_public),
    }


def read_resolvers(files: Sequence[Path] = RESOLVERS) -> str:
    """The settings of this machine's resolver, without name servers on loopback: a VM cannot reach these.

    Args:
        files: Files in the form of resolv.conf; the first one with other name servers counts.

    Returns:
        The content of a resolv.conf; empty if no file names a server that a VM can reach.
    """
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        usable = [line for line in lines if not _LOCAL_SERVER.match(line)]
        if any(line.startswith("nameserver") for line in usable):
            return "".join(usable)
    return ""


def _network(cluster: VmCluster, vm: Vm) -> str:
    address = f"{vm.address}/{cluster.qemu.network.prefixlen}"
    return f"[Match]\nMACAddress={vm.mac}\n\n[Network]\nAddress={address}\nGateway={cluster.qemu.gateway}\n"


def _mounts(cluster: VmCluster) -> str:
    """The shared folder; no line if the VMs share none."""
    mount_point = cluster.shared_folder
    return f"{SHARED_TAG} {mount_point} virtiofs defaults,X-mount.mkdir 0 0\n" if mount_point else ""


def _home(user: str, key: str) -> str:
    """Create the home, and the key in it, once: later changes of the user stay.

    The key goes without its comment, in which systemd-tmpfiles would interpret % and backslashes.
    """
    home, key = f"/home/{user}", " ".join(key.split()[:2])
    lines = [f"d {home} 0755 {user} {user}", f"d {home}/.ssh 0700 {user} {user}"]
    lines += [f"C {home}/{name} - {user} {user} - /etc/skel/{name}" for name in (".bashrc", ".profile")]
    return "\n".join([*lines, f"f {home}/.ssh/authorized_keys 0600 {user} {user} - {key}", ""])


def _sudoers(user: str) -> str:
    # env_file: how this machine downloads packages (firelib/vms/image/download_settings.py).
    return f"{user} ALL=(ALL) NOPASSWD:ALL\nDefaults env_file=/etc/environment\n"
