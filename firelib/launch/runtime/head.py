"""Replica 0: start the head of the job's Ray cluster, run the stage on it, and publish the exit code."""

import os
import time
from collections.abc import Callable

from firelib.console import note
from firelib.launch.runtime.ray_node import cpu_arguments, own_address, private_token, ray_node
from firelib.launch.runtime.rendezvous import Head, Rendezvous, create_head
from firelib.launch.runtime.replica import ReplicaIdentity
from firelib.launch.runtime.timeouts import Timeouts

_POLL_SECONDS = 1.0
_START_ATTEMPTS = 3
_DEFAULT_PORT = "6379"  # Ray's default


def run_head(
    run: Callable[[dict[str, str]], int], replica: ReplicaIdentity, rendezvous: Rendezvous, timeouts: Timeouts
) -> int:
    """Start the head, wait for the other replicas, and run the stage.

    Args:
        run: Runs the stage; receives the variables that connect it to the cluster.
        replica: This replica.
        rendezvous: Where the other replicas find the head and the exit code.
        timeouts: How long to wait for the other replicas.

    Returns:
        The stage's exit code.

    Raises:
        FirelibError: Ray did not start.
    """
    address = own_address(replica.hosts[0])
    port = os.environ.get("FIRELIB_HEAD_PORT", _DEFAULT_PORT)
    head, code = create_head(f"{address}:{port}"), 1
    arguments = ["--head", f"--node-ip-address={address}", f"--port={port}", "--include-dashboard=false"]
    arguments += cpu_arguments(os.environ)
    try:
        with ray_node(head.token, arguments, _START_ATTEMPTS), private_token(head.token) as file:
            rendezvous.publish_head(head)
            _wait_for_peers(replica, rendezvous, head, timeouts.peers)
            code = run({"RAY_ADDRESS": head.address, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)})
    except SystemExit as exit_:  # SIGTERM before the stage began
        code = int(exit_.code or 0)
    finally:
        rendezvous.publish_exit(head, code)
        rendezvous.remove_head()
    return code


def _wait_for_peers(replica: ReplicaIdentity, rendezvous: Rendezvous, head: Head, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    peers = replica.count - 1
    while len(joined := rendezvous.list_joined(replica.count, head)) < peers:
        if time.monotonic() > deadline:
            note(f"{len(joined)} of {peers} other replicas joined within {seconds:g} s: starting the stage with them")
            return
        time.sleep(_POLL_SECONDS)
    note(f"all {replica.count} replicas have joined")
