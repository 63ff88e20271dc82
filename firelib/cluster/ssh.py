"""SSH to the hosts of a cluster file, with host keys pinned in one known_hosts file for each cluster."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from firelib.errors import FirelibError, did_you_mean
from firelib.ray_setup.cluster_file import ClusterFile

HEAD = "head"
#: File on each host with the name of its cluster, which role `cluster_mark` writes.
MARK_FILE = "/etc/firelib/cluster"
# At the same time: sshd of a jump host drops some of more than ten logins (MaxStartups 10:30:100).
_CONCURRENT_LOGINS = 8
_CONNECT_SECONDS, _VM_CONNECT_SECONDS = 10, 60  # a login to an emulated VM took 23 s
_CHANGED_KEY = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_CHANGED_HOST = re.compile(r"Host key for (\S+) has changed")
_FAILED = 255  # ssh's own exit code; any other one is the command's
_NO_QUESTIONS = "BatchMode=yes"
_MARK = re.compile(r"^firelib-cluster=(.+)$", re.MULTILINE)

Answer = TypeVar("Answer")


class HostUnreachableError(FirelibError):
    """The login to a host over SSH failed."""


class ForeignHostError(FirelibError):
    """A host belongs to another cluster."""


def find_ssh() -> str:
    """Path of the program ssh.

    Raises:
        FirelibError: It is not installed.
    """
    program = shutil.which("ssh")
    if program is None:
        raise FirelibError("ssh is not installed", where="PATH", remedy="apt-get install openssh-client")
    return program


def known_hosts_file(file: ClusterFile) -> Path:
    """Path of the file with the host keys of a cluster: that of firelib.vms, or one that ssh creates."""
    return file.known_hosts or Path.home() / ".ssh" / "known_hosts.d" / f"firelib-{file.cluster_name}"


def pinning_options(file: ClusterFile) -> list[str]:
    """Options of ssh that accept a new host's key once and refuse a changed one; of local VMs, only the pinned keys.

    ssh does not create the folder of its known_hosts file, and then silently pins nothing: this function creates it.
    """
    pinned, check = known_hosts_file(file), "yes" if file.known_hosts else "accept-new"
    pinned.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ["-o", f"StrictHostKeyChecking={check}", "-o", f'UserKnownHostsFile="{pinned}"']


def ssh_options(file: ClusterFile) -> list[str]:
    """Options of ssh for every host of a cluster: pinned host keys, the key, and no questions."""
    key = file.auth.ssh_private_key
    identity = ["-i", str(Path(key).expanduser()), "-o", "IdentitiesOnly=yes"] if key else []
    return [*pinning_options(file), *identity, "-o", f"ConnectTimeout={connect_seconds(file)}"]


def connect_seconds(file: ClusterFile) -> int:
    """Seconds that a login to a host of a cluster may take."""
    return _VM_CONNECT_SECONDS if file.hosts.qemu else _CONNECT_SECONDS


def jump_options(file: ClusterFile, address: str, *options: str) -> list[str]:
    """Options of ssh that lead to a host: through the head, if only the head has a public address.

    Args:
        file: The cluster file.
        address: Private address of the host.
        options: More options of the ssh to the head.
    """
    provider, auth = file.provider, file.auth
    if auth.ssh_proxy_command:
        return ["-o", f"ProxyCommand={auth.ssh_proxy_command}"]
    if not provider.external_head_ip or address == provider.head_ip:
        return []
    jump = ["ssh", *ssh_options(file), *options, "-W", "%h:%p", f"{auth.ssh_user}@{provider.external_head_ip}"]
    return ["-o", f"ProxyCommand={shlex.join(jump)}"]


def ssh_command(file: ClusterFile, address: str, *options: str) -> list[str]:
    """The argv of ssh to a host, without the remote command.

    Args:
        file: The cluster file.
        address: Private address of the host.
        options: More options of ssh.
    """
    provider = file.provider
    is_public = address == provider.head_ip and provider.external_head_ip
    target = f"{file.auth.ssh_user}@{provider.external_head_ip if is_public else address}"
    silent = ["-o", _NO_QUESTIONS] if _NO_QUESTIONS in options else []
    return ["ssh", *ssh_options(file), *jump_options(file, address, *silent), *options, target]


def list_hosts(file: ClusterFile) -> list[str]:
    """Private addresses of all hosts, the head's first."""
    return [file.provider.head_ip, *file.provider.worker_ips]


def find_host(file: ClusterFile, name: str) -> str:
    """The private address of a host.

    Args:
        file: The cluster file.
        name: `head`, a number (1 is the first worker), or an address of the file.

    Raises:
        FirelibError: The file names no such host.
    """
    hosts = list_hosts(file)
    known = {HEAD: hosts[0]} | {str(number): host for number, host in enumerate(hosts)} | {host: host for host in hosts}
    if name not in known:
        where = f"cluster {file.cluster_name}"
        raise FirelibError(f"there is no host {name!r}", where=where, remedy=did_you_mean(name, known))
    return known[name]


def run_on_host(
    file: ClusterFile, address: str, command: str, timeout: float = 60.0
) -> "subprocess.CompletedProcess[str]":
    """Run a command on a host, in the user's login shell and without questions.

    Args:
        file: The cluster file.
        address: Private address of the host.
        command: The command, for a shell.
        timeout: Limit in seconds.

    Returns:
        The finished process with its output, whatever its exit code.

    Raises:
        HostUnreachableError: ssh could not log in, or the host did not answer in time.
        FirelibError: ssh is not installed.
    """
    find_ssh()
    argv = [*ssh_command(file, address, "-o", _NO_QUESTIONS), command]
    try:
        done = subprocess.run(  # noqa: S603  the file is the user's own
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",  # hosts print what they want, in any encoding
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HostUnreachableError(f"no answer within {timeout:g} s", where=address, remedy=_remedy("")) from None
    if done.returncode == _FAILED:
        raise unreachable(file, address, done.stderr)
    return done


def unreachable(file: ClusterFile, address: str, said: str) -> HostUnreachableError:
    """The error for a host that ssh could not log in to.

    Args:
        file: The cluster file.
        address: Private address of the host.
        said: What ssh wrote to standard error.
    """
    if _CHANGED_KEY in said:
        pinned = known_hosts_file(file)
        changed = _CHANGED_HOST.search(said)  # on the way to a worker, it may be the head's key
        external = file.provider.external_head_ip if address == file.provider.head_ip else None
        forget = shlex.join(["ssh-keygen", "-f", str(pinned), "-R", changed[1] if changed else external or address])
        return HostUnreachableError(
            f"the host's key is not the one that was pinned in {pinned}: it was reinstalled, or another host answers",
            where=address,
            remedy=f"if you reinstalled it: {forget}",
        )
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return HostUnreachableError(lines[-1] if lines else "ssh failed", where=address, remedy=_remedy(said))


def _remedy(said: str) -> str:
    if "Host key verification failed" in said:  # of a local VM, or of the head on the way to a worker
        return "make vms pins the keys of local VMs; for other hosts, log in once: firelib cluster ssh"
    if "Permission denied" in said:
        return "correct auth.ssh_user or auth.ssh_private_key, or copy the key there: ssh-copy-id"
    return "start the host, or correct its address in the cluster file"


def ask_hosts(addresses: Sequence[str], ask: Callable[[str], Answer]) -> list[Answer]:
    """Call a function for several hosts at the same time.

    Args:
        addresses: Private addresses.
        ask: Logs in to one of them.

    Returns:
        The answers, in the order of the addresses.
    """
    with ThreadPoolExecutor(max_workers=_CONCURRENT_LOGINS) as pool:
        return list(pool.map(ask, addresses))


def check_hosts(file: ClusterFile, addresses: Sequence[str]) -> None:
    """Log in to hosts, and check that none belongs to another cluster.

    Args:
        file: The cluster file.
        addresses: Private addresses.

    Raises:
        HostUnreachableError: The login to some hosts failed; the error names all of them.
        ForeignHostError: Some hosts belong to another cluster; the error names all of them.
    """
    found = dict(zip(addresses, ask_hosts(addresses, lambda address: _read_mark(file, address)), strict=True))
    errors = [mark for mark in found.values() if isinstance(mark, HostUnreachableError)]
    where = f"cluster {file.cluster_name}"
    if errors:
        raise HostUnreachableError(
            "\n".join(f"{error.where}: {error.what}" for error in errors),
            where=where,
            remedy="; ".join(dict.fromkeys(str(error.remedy) for error in errors)),
        )
    foreign = {address: mark for address, mark in found.items() if mark not in ("", file.cluster_name)}
    if foreign:
        raise ForeignHostError(
            "\n".join(f"{address} belongs to cluster {mark}" for address, mark in foreign.items()),
            where=where,
            remedy="correct the address in the cluster file, or remove the host from that cluster first "
            f"(make vms-down with its file); if that cluster no longer exists: sudo rm {MARK_FILE} on the host",
        )


def _read_mark(file: ClusterFile, address: str) -> HostUnreachableError | str:
    """The name of a host's cluster; empty if the host has none."""
    try:
        said = run_on_host(file, address, f'echo "firelib-cluster=$(cat {MARK_FILE} 2>/dev/null)"').stdout
    except HostUnreachableError as error:
        return error
    found = _MARK.search(said)
    return found[1].strip() if found else ""
