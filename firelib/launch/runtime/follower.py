"""The replicas other than 0: join the head's Ray cluster until the stage has ended."""

import os
import signal

from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.runtime.peer_wait import Reports, poll_seconds
from firelib.launch.runtime.ray_node import own_address, ray_node, resource_arguments
from firelib.launch.runtime.rendezvous import Head, Rendezvous
from firelib.launch.runtime.replica import ReplicaIdentity
from firelib.launch.runtime.stage_runner import ShutdownFlag
from firelib.launch.runtime.timeouts import Timeouts

_POLL_SECONDS = 1.0


def follow_head(replica: ReplicaIdentity, rendezvous: Rendezvous, timeouts: Timeouts, shutdown: ShutdownFlag) -> int:
    """Join the current head, again after every loss, until the stage has ended.

    Args:
        replica: This replica.
        rendezvous: Where replica 0 publishes its head and the exit code.
        timeouts: How long to wait for a head.
        shutdown: Whether SIGTERM has arrived; from now on, SIGTERM sets it.

    Returns:
        The stage's exit code; 143 after SIGTERM.

    Raises:
        FirelibError: No head appeared in time.
    """
    signal.signal(signal.SIGTERM, shutdown.set)
    # An exit code that exists already belongs to an earlier attempt, or this replica has started late.
    earlier, clock = rendezvous.read_exit(), timeouts.clock
    last_seen = clock.now()
    reports = Reports(last_seen)
    while not shutdown.is_set:
        ended = rendezvous.read_exit()
        if ended and ended != earlier:
            if not (ended.code and replica.platform.ends_followers):
                return ended.code
            note(f"replica 0 has ended with exit code {ended.code}: waiting for another attempt")
            earlier, last_seen = ended, clock.now()
        head = rendezvous.read_head()
        waited = clock.now() - last_seen
        if head is not None:
            if _join(replica, rendezvous, head, timeouts, shutdown):
                last_seen = clock.now()
                reports = Reports(last_seen)
            elif waited > timeouts.head:  # a head that was killed has not removed its file
                raise _no_head(replica, rendezvous, timeouts)
        elif earlier and (not earlier.code or waited > timeouts.rejoin):  # nothing follows a success
            return earlier.code
        elif waited > timeouts.head:
            raise _no_head(replica, rendezvous, timeouts)
        elif reports.is_due(clock.now()):
            note(f"replica {replica.index} waits for the head: {waited:.0f} s, at most {timeouts.head:g} s")
        clock.sleep(poll_seconds(clock.now() - last_seen))
    return 128 + signal.SIGTERM


def _no_head(replica: ReplicaIdentity, rendezvous: Rendezvous, timeouts: Timeouts) -> FirelibError:
    return FirelibError(
        f"replica {replica.index} found no head of the cluster within {timeouts.head:g} s",
        where=rendezvous.uri,
        remedy="read the log of replica 0; set FIRELIB_HEAD_SECONDS to wait longer",
    )


def _join(
    replica: ReplicaIdentity, rendezvous: Rendezvous, head: Head, timeouts: Timeouts, shutdown: ShutdownFlag
) -> bool:
    """Run a node of the head's cluster until the node, the head or this replica ends; return whether it has joined."""
    joined = False
    host = head.address.rpartition(":")[0]
    arguments = [f"--address={head.address}", f"--node-ip-address={own_address(host)}"]
    try:
        with ray_node(head.token, [*arguments, *resource_arguments(os.environ)]) as node:
            rendezvous.register(replica.index, head)
            joined = True
            note(f"replica {replica.index} has joined {head.address}")
            while node.poll() is None and not shutdown.is_set and rendezvous.is_current(head):
                timeouts.clock.sleep(_POLL_SECONDS)
    except FirelibError as error:  # the head may be lost, or not ready yet: the caller tries again
        note(str(error))
    return joined
