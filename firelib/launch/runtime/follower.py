"""The replicas other than 0: join the head's Ray cluster until the stage has ended."""

import os
import signal
import time

from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.runtime.ray_node import cpu_arguments, own_address, ray_node
from firelib.launch.runtime.rendezvous import Head, Rendezvous
from firelib.launch.runtime.replica import ReplicaIdentity
from firelib.launch.runtime.timeouts import Timeouts

_POLL_SECONDS = 1.0


class ShutdownFlag:
    """A flag that SIGTERM sets."""

    def __init__(self) -> None:
        self.is_set = False
        signal.signal(signal.SIGTERM, self._set)

    def _set(self, *_: object) -> None:
        self.is_set = True


def follow_head(replica: ReplicaIdentity, rendezvous: Rendezvous, timeouts: Timeouts) -> int:
    """Join the current head, again after every loss, until the stage has ended.

    Args:
        replica: This replica.
        rendezvous: Where replica 0 publishes its head and the exit code.
        timeouts: How long to wait for a head.

    Returns:
        The stage's exit code; 143 after SIGTERM.

    Raises:
        FirelibError: No head appeared in time.
    """
    # An exit code that exists already belongs to an earlier attempt, or this replica has started late.
    earlier = rendezvous.read_exit()
    shutdown = ShutdownFlag()
    last_seen = time.monotonic()
    while not shutdown.is_set:
        ended = rendezvous.read_exit()
        if ended and ended != earlier:
            return ended.code
        head = rendezvous.read_head()
        waited = time.monotonic() - last_seen
        if head is not None:
            _join(replica, rendezvous, head, shutdown)
            last_seen = time.monotonic()
        elif earlier and waited > timeouts.rejoin:
            return earlier.code
        elif waited > timeouts.head:
            raise FirelibError(
                f"replica {replica.index} found no head of the cluster within {timeouts.head:g} s",
                where=rendezvous.uri,
                remedy="read the log of replica 0; set FIRELIB_HEAD_SECONDS to wait longer",
            )
        time.sleep(_POLL_SECONDS)
    return 128 + signal.SIGTERM


def _join(replica: ReplicaIdentity, rendezvous: Rendezvous, head: Head, shutdown: ShutdownFlag) -> None:
    """Run a node of the head's cluster until the node, the head or this replica ends."""
    host = head.address.rpartition(":")[0]
    arguments = [f"--address={head.address}", f"--node-ip-address={own_address(host)}", *cpu_arguments(os.environ)]
    try:
        with ray_node(head.token, arguments) as node:
            rendezvous.register(replica.index, head)
            note(f"replica {replica.index} has joined {head.address}")
            while node.poll() is None and not shutdown.is_set and rendezvous.read_head() == head:
                time.sleep(_POLL_SECONDS)
    except FirelibError as error:  # the head may be lost, or not ready yet: the caller tries again
        note(str(error))
