"""Checks of Ray: the clusters that the environment names, tokens, ports (TensorFlow's, too), and session folders."""

import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from firelib.doctor.finding import Finding
from firelib.doctor.packages import installed_version
from firelib.ray_setup.memory_budget import MemoryBudget, free_shared_memory
from firelib.ray_setup.session_folder import fits_sockets, longest_folder, session_path
from firelib.ray_setup.token import ray_token, token_file
from firelib.ray_setup.version import cluster_version
from firelib.user_folders import is_writable

PORTS = {6379: "Ray's head", 8265: "Ray's dashboard and jobs", 10001: "Ray's client server"}
_GIB = 2**30


def check_clusters(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Check that each Ray that the environment names responds, and runs the installed version."""
    for variable in ("RAY_ADDRESS", "FIRELIB_RAY_ADDRESS"):
        address = environ.get(variable)
        if address and address != "local":
            yield _check_cluster(f"{variable}={address}", address, environ)


def _check_cluster(name: str, address: str, environ: Mapping[str, str]) -> Finding:
    installed = installed_version("ray")
    try:
        version = cluster_version(address, ray_token(environ, Path.home()))
    except OSError as error:
        remedy = "check the address and the token, that the cluster is up, and that its port is open to this machine"
        return Finding(name, "error", f"no response: {error}", remedy)
    if version != installed:
        detail = f"the cluster runs Ray {version}, this machine has {installed}"
        return Finding(name, "error", detail, "install the same lock on all nodes: uv sync")
    return Finding(name, "ok", f"responds with Ray {version}")


def check_session_folder(folder: str) -> Finding:
    """Check that Ray can keep its sessions below a folder."""
    name = "Ray's sessions"
    if not is_writable(folder):
        remedy = "set RAY_TMPDIR=/tmp, or TMPDIR to a writable folder"
        return Finding(name, "warning", f"{folder} is not writable: firelib uses another folder", remedy)
    if not fits_sockets(session_path(folder)):
        detail = f"{folder} has more than {longest_folder()} bytes: firelib gives Ray's sockets a short link to it"
        return Finding(name, "ok", detail)
    return Finding(name, "ok", folder)


def check_shared_memory(folder: Path) -> Finding:
    """Check the free shared memory, which holds Ray's object store."""
    name = "shared memory"
    remedy = "docker run --shm-size=4g (or mount -o remount,size=4g /dev/shm); otherwise Ray uses slower files in /tmp"
    free = free_shared_memory(folder)
    if free is None:
        return Finding(name, "warning", f"{folder} does not exist", remedy)
    detail = f"{free / _GIB:.1f} GiB free in {folder}"
    return Finding(name, "ok", detail) if free >= _GIB else Finding(name, "warning", detail, remedy)


def check_memory_budget(budget: MemoryBudget, cores: int) -> Finding:
    """Check that each core's worker has enough memory.

    Args:
        budget: The budget of Ray on this machine.
        cores: Number of cores that Ray may use.
    """
    name, detail = "Ray's memory", str(budget)
    if budget.workers >= cores:
        return Finding(name, "ok", detail)
    remedy = f"allow more memory, or set FIRELIB_NUM_CPUS={budget.workers}: {cores} cores share the memory of "
    workers = "1 worker" if budget.workers == 1 else f"{budget.workers} workers"
    return Finding(name, "warning", detail, remedy + workers)


def check_port(port: int, use: str) -> Finding:
    """Check that a port on loopback is free; only the head node of a cluster needs it.

    Args:
        port: The port.
        use: Which part of Ray listens on it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            remedy = f"to use this machine as a head node ({use}), stop the process that listens there (ray stop)"
            return Finding(f"port {port}", "warning", f"in use: {error.strerror}", remedy)
    return Finding(f"port {port}", "ok", f"free ({use})")


def check_training_ports(port_range: Path) -> Finding:
    """Name the ports on which TensorFlow's servers listen while it trains: no setting closes them (SECURITY.md).

    Args:
        port_range: The kernel's file with the first and the last port that it chooses itself.
    """
    try:
        ports = " to ".join(port_range.read_text(encoding="ascii").split())
    except OSError:
        ports = "above 1023"
    detail = (
        f"while several workers train, TensorFlow listens on one random port of each ({ports}), on all addresses and "
        "without authentication: on a machine that others can reach, block incoming connections (SECURITY.md)"
    )
    return Finding("training ports", "ok", detail)


def check_token(environ: Mapping[str, str], home: Path) -> Finding:
    """Check that Ray's token exists if a cluster needs it, and that only its owner can read it.

    Args:
        environ: Environment variables.
        home: The user's home folder.
    """
    name, path = "Ray token", token_file(environ, home)
    if environ.get("RAY_AUTH_TOKEN"):
        return Finding(name, "ok", "in RAY_AUTH_TOKEN (not shown)")
    if not path.exists():
        return _check_missing_token(environ, path)
    if not ray_token(environ, home):
        return Finding(name, "error", f"{path} is empty or unreadable", "ray get-auth-token --generate")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding(name, "warning", f"{path} has mode {mode:o}: other users can read it", f"chmod 600 {path}")
    return Finding(name, "ok", f"{path}, mode {mode:o}")


def _check_missing_token(environ: Mapping[str, str], path: Path) -> Finding:
    names_cluster = environ.get("RAY_ADDRESS") or environ.get("FIRELIB_RAY_ADDRESS")
    if names_cluster or environ.get("RAY_AUTH_MODE") == "token":
        remedy = f"copy the head's token file to {path}, mode 600 (ansible/setup.yml does so)"
        return Finding("Ray token", "error", f"{path} does not exist", remedy)
    return Finding("Ray token", "ok", "none yet: the first local Ray generates one")


def check_auth_mode(environ: Mapping[str, str]) -> Finding:
    """Check that Ray authenticates with the token."""
    name, mode = "RAY_AUTH_MODE", environ.get("RAY_AUTH_MODE")
    remedy = "set RAY_AUTH_MODE=token on every node and client"
    if mode == "token":
        return Finding(name, "ok", "token")
    if mode:
        detail = f"{mode}: anyone who can reach the dashboard can run code on this machine"
        return Finding(name, "warning", detail, remedy)
    if environ.get("FIRELIB_RAY_ADDRESS"):
        return Finding(name, "warning", "unset, but FIRELIB_RAY_ADDRESS is set: jobs without a token fail", remedy)
    return Finding(name, "ok", "unset: firelib and local Ray enable token authentication themselves")
