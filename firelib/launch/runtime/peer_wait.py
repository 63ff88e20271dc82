"""Replica 0 waits for the other replicas, which may start minutes or an hour later, and says who is missing."""

from collections.abc import Sequence

from firelib.console import note
from firelib.errors import FirelibError, StoppedError, UnreachableError
from firelib.launch.runtime.rendezvous import Head, Rendezvous
from firelib.launch.runtime.replica import ReplicaIdentity
from firelib.launch.runtime.timeouts import Timeouts

_MIN_POLL_SECONDS, _MAX_POLL_SECONDS = 1.0, 10.0  # each poll asks a bucket once for every missing replica
_MAX_REPORT_SECONDS = 600.0


class MissingReplicasError(StoppedError):
    """Replicas have not joined in time. The same job may have its machines later."""


class Reports:
    """When to say that a wait goes on: after 15 seconds, 30, one minute, two, and then at most every ten.

    Args:
        started: The clock's time at the beginning of the wait.
    """

    def __init__(self, started: float) -> None:
        self._next, self._interval = started + 15.0, 15.0

    def is_due(self, now: float) -> bool:
        """Return whether to report now; if so, the next report is due after twice as long."""
        if now < self._next:
            return False
        self._next = now + self._interval
        self._interval = min(2 * self._interval, _MAX_REPORT_SECONDS)
        return True


def poll_seconds(waited: float) -> float:
    """Return the pause until the next look at the rendezvous: a second at first, ten after nine minutes.

    Args:
        waited: Seconds waited so far.
    """
    return min(_MAX_POLL_SECONDS, _MIN_POLL_SECONDS + waited / 60)


def wait_for_peers(replica: ReplicaIdentity, rendezvous: Rendezvous, head: Head, timeouts: Timeouts) -> int:
    """Wait until all replicas have joined, or at least the smallest number that the job accepts.

    Args:
        replica: This replica, which is replica 0.
        rendezvous: Where the others register.
        head: The head that they join.
        timeouts: How long to wait.

    Returns:
        The number of replicas that are there, this one included.

    Raises:
        MissingReplicasError: Too few have joined in time.
        FirelibError: A replica has reported that it cannot run the job.
    """
    clock, joined = timeouts.clock, [0]
    started = changed = clock.now()
    reports = Reports(started)
    while True:
        now, before = clock.now(), len(joined)
        try:
            joined = [0, *rendezvous.list_joined(replica.count, head)]
        except UnreachableError as error:  # the next look tells
            note(str(error))
        if len(joined) == replica.count:
            note(f"all {replica.count} replicas have joined")
            return replica.count
        _refuse_failures(rendezvous, replica.count)
        changed = now if len(joined) > before else changed
        is_enough = len(joined) >= replica.required
        settled = is_enough and now - changed >= timeouts.settle
        if settled or now - started >= timeouts.peers:
            return _start_with(joined, replica, rendezvous, now - started)
        if reports.is_due(now):
            note(f"waiting for {_missing(joined, replica)}: {now - started:.0f} s, at most {timeouts.peers:g} s")
        clock.sleep(poll_seconds(now - started))


def _start_with(joined: Sequence[int], replica: ReplicaIdentity, rendezvous: Rendezvous, waited: float) -> int:
    if len(joined) >= replica.required:
        note(f"starting the stage with {len(joined)} of {replica.count} replicas, without {_missing(joined, replica)}")
        return len(joined)
    raise MissingReplicasError(
        f"{len(joined)} of {replica.count} replicas are there after {waited:.0f} s; missing: "
        f"{_missing(joined, replica)}",
        where=rendezvous.uri,
        remedy="check whether these replicas run, and read their logs; submit the job again when there are machines. "
        f"--min-replicas {len(joined)} starts with fewer, FIRELIB_PEERS_SECONDS waits longer",
    )


def _missing(joined: Sequence[int], replica: ReplicaIdentity) -> str:
    """Name the missing replicas, with their hosts where the platform tells them."""
    missing = [index for index in range(replica.count) if index not in joined]
    names = [f"{index} ({replica.hosts[index]})" if index < len(replica.hosts) else str(index) for index in missing]
    return f"replica{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _refuse_failures(rendezvous: Rendezvous, count: int) -> None:
    failures = rendezvous.list_failures(count)
    if failures:
        raise FirelibError(
            "\n".join(f"replica {index} cannot run the job: {text}" for index, text in failures.items()),
            where=rendezvous.uri,
            remedy="do what the remedy of that replica says, and submit the job again",
        )
