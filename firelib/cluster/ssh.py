"""SSH to the hosts of a cluster file, with host keys pinned in one known_hosts file for each cluster."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from firelib.errors import FirelibError, did_you_mean
from firelib.ray_setup.cluster_file import ClusterFile

HEAD = "head"
_CONNECT_SECONDS, _VM_CONNECT_SECONDS = 10, 60  # a login to an emulated VM took 23 s
_CHANGED_KEY = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_CHANGED_HOST = re.compile(r"Host key for (\S+) has changed")
_FAILED = 255  # ssh's own exit code; any other one is the command's


class HostUnreachableError(FirelibError):
    """The login to a host over SSH failed."""


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
    seconds = _VM_CONNECT_SECONDS if file.hosts.qemu else _CONNECT_SECONDS
    return [*pinning_options(file), *identity, "-o", f"ConnectTimeout={seconds}"]


def jump_options(file: ClusterFile, address: str) -> list[str]:
    """Options of ssh that lead to a host: through the head, if only the head has a public address.

    Args:
        file: The cluster file.
        address: Private address of the host.
    """
    provider, auth = file.provider, file.auth
    if auth.ssh_proxy_command:
        return ["-o", f"ProxyCommand={auth.ssh_proxy_command}"]
    if not provider.external_head_ip or address == provider.head_ip:
        return []
    jump = ["ssh", *ssh_options(file), "-W", "%h:%p", f"{auth.ssh_user}@{provider.external_head_ip}"]
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
    return ["ssh", *ssh_options(file), *jump_options(file, address), *options, target]


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
    argv = [*ssh_command(file, address, "-o", "BatchMode=yes"), command]
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
    if "Permission denied" in said:
        return "correct auth.ssh_user or auth.ssh_private_key, or copy the key there: ssh-copy-id"
    return "start the host, or correct its address in the cluster file"


def check_hosts(file: ClusterFile, addresses: Sequence[str]) -> None:
    """Log in to hosts concurrently.

    Args:
        file: The cluster file.
        addresses: Private addresses.

    Raises:
        HostUnreachableError: The login to some hosts failed; the error names all of them.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=16) as pool:
        errors = [error for error in pool.map(lambda address: _login_error(file, address), addresses) if error]
    if errors:
        raise HostUnreachableError(
            "\n".join(f"{error.where}: {error.what}" for error in errors),
            where=f"cluster {file.cluster_name}",
            remedy="; ".join(dict.fromkeys(str(error.remedy) for error in errors)),
        )


def _login_error(file: ClusterFile, address: str) -> HostUnreachableError | None:
    try:
        run_on_host(file, address, "true")
    except HostUnreachableError as error:
        return error
    return None
