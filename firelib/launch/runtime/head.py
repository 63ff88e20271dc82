"""Replica 0: start the head of the job's Ray cluster, run the stage on it, and publish the exit code."""

import os
from collections.abc import Callable, Mapping

from firelib.errors import FirelibError
from firelib.launch.job_environment import TIMEOUT
from firelib.launch.runtime.peer_wait import wait_for_peers
from firelib.launch.runtime.ray_node import head_address, private_token, ray_node, resource_arguments
from firelib.launch.runtime.rendezvous import Head, Rendezvous, create_head
from firelib.launch.runtime.replica import ReplicaIdentity
from firelib.launch.runtime.stage_runner import ShutdownFlag
from firelib.launch.runtime.timeouts import Timeouts
from firelib.launch.worker_count import WORKERS

_START_ATTEMPTS = 3
_DEFAULT_PORT = "6379"  # Ray's default
_LEAST_SECONDS = 60.0  # of a time limit, which the wait for replicas has used up

#: Runs the stage with the variables that connect it to the cluster; returns its exit code.
Run = Callable[[dict[str, str]], int]


def run_head(
    run: Run, replica: ReplicaIdentity, rendezvous: Rendezvous, timeouts: Timeouts, shutdown: ShutdownFlag
) -> int:
    """Start the head, wait for the other replicas, and run the stage.

    Args:
        run: Runs the stage.
        replica: This replica.
        rendezvous: Where the other replicas find the head and the exit code.
        timeouts: How long to wait for the other replicas.
        shutdown: Whether SIGTERM has arrived.

    Returns:
        The stage's exit code.

    Raises:
        FirelibError: Ray did not start, only loopback leads to this machine, or replicas are missing.
    """
    address, port = head_address(replica.hosts[0]), os.environ.get("FIRELIB_HEAD_PORT", _DEFAULT_PORT)
    head, code = create_head(f"{address}:{port}"), 1
    try:
        if rendezvous.read_exit() is not None:  # what failed in an earlier attempt says nothing about this one
            for index in range(1, replica.count):
                rendezvous.withdraw_failure(index)
        code = _run_on_cluster(run, replica, rendezvous, timeouts, head)
    except SystemExit as exit_:  # SIGTERM before the stage began
        code = int(exit_.code or 0)
    except FirelibError as error:
        code = error.exit_code
        raise
    finally:
        # A replica that the platform will end and start elsewhere has not ended the job: the others wait for it.
        try:
            if not (code and shutdown.is_set and replica.platform.exit_is_final):
                rendezvous.publish_exit(head, code)
        finally:  # on a full disk, too: the others would join a head that is gone
            rendezvous.remove_head()
    return code


def _run_on_cluster(run: Run, replica: ReplicaIdentity, rendezvous: Rendezvous, timeouts: Timeouts, head: Head) -> int:
    host, _, port = head.address.rpartition(":")
    arguments = ["--head", f"--node-ip-address={host}", f"--port={port}", "--include-dashboard=false"]
    arguments += resource_arguments(os.environ)
    with ray_node(head.token, arguments, _START_ATTEMPTS), private_token(head.token) as file:
        rendezvous.publish_head(head)
        started = timeouts.clock.now()
        present = wait_for_peers(replica, rendezvous, head, timeouts)
        waited = timeouts.clock.now() - started if replica.platform.counts_wait else 0.0
        connection = {"RAY_ADDRESS": head.address, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}
        scaled = scale_workers(os.environ, present, replica.count)
        return run({**connection, **scaled, **shorten_time_limit(os.environ, waited)})


def shorten_time_limit(environ: Mapping[str, str], waited: float) -> dict[str, str]:
    """Return the variable with the stage's time limit without the wait for replicas; empty without either.

    Args:
        environ: The variables of this process.
        waited: Seconds of the platform's own limit that are over; the stage has to end before that one.
    """
    limit = environ.get(TIMEOUT)
    return {TIMEOUT: f"{max(_LEAST_SECONDS, float(limit) - waited):.0f}"} if limit and waited else {}


def scale_workers(environ: Mapping[str, str], present: int, count: int) -> dict[str, str]:
    """Return the variable with the number of workers for the replicas that are there; empty if all are.

    Args:
        environ: The variables of this process, with the number of workers for all replicas.
        present: Number of replicas that are there.
        count: Number of replicas of the job.
    """
    workers = environ.get(WORKERS, "")
    if present == count or not workers.isdecimal():
        return {}
    return {WORKERS: str(max(1, int(workers) * present // count))}
