"""Entry point of the images: `python -m firelib.launch.bootstrap firelib train`.

It finds out what it is. Alone, or where `RAY_ADDRESS` names a Ray that runs: it runs the stage. As replica 0 of N: it
heads a Ray cluster and runs the stage on it. As another replica: it joins, again and again, until the stage has ended
on replica 0. All end with the stage's exit code.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.job_environment import JOB_ID
from firelib.launch.runtime.image_check import component, self_check
from firelib.launch.runtime.ray_node import own_address, private_token, ray_node
from firelib.launch.runtime.rendezvous import Head, Rendezvous, new_head
from firelib.launch.runtime.replica import Place, place_of
from firelib.launch.runtime.secret_manager import read_cloud_secrets
from firelib.launch.runtime.stage_runner import run_stage
from firelib.launch.transfer.code_transfer import take_code, with_outputs

_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Patience:
    """How long replicas wait, in seconds.

    Attributes:
        peers: Replica 0 for the others; then it goes on with those that are there.
        head: The others for a head, at first and after one was lost; then they give up.
        again: The others for the next attempt, where the last one has ended already.
        port: Of Ray's head.
    """

    peers: float = 300.0
    head: float = 900.0
    again: float = 60.0
    port: int = 6379

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Patience":
        """As the environment says."""
        return cls(
            float(environ.get("FIRELIB_PEERS_SECONDS", cls.peers)),
            float(environ.get("FIRELIB_HEAD_SECONDS", cls.head)),
            float(environ.get("FIRELIB_AGAIN_SECONDS", cls.again)),
            int(environ.get("FIRELIB_HEAD_PORT", cls.port)),
        )


def main(words: Sequence[str]) -> int:
    """Run a stage in the place that the environment gives.

    Args:
        words: The stage and its options, with or without `firelib` before them; none: the stage of this image.

    Returns:
        The stage's exit code, on every replica.
    """
    words = list(words[1:] if words[:1] == ["firelib"] else words) or [component().stage]
    if words == ["self-check"]:
        return _self_check()
    signal.signal(signal.SIGTERM, _end_now)  # as process 1 of a container it would be ignored
    read_cloud_secrets(os.environ)
    take_code(os.environ, Path.cwd())
    place = place_of(os.environ)
    if place is None:
        return _run(words, {})
    meeting = Rendezvous(meeting_place(os.environ))
    waits = Patience.of(os.environ)
    return _lead(words, place, meeting, waits) if place.is_head else _follow(place, meeting, waits)


def run() -> int:
    """The program: `main` on the command line, with errors as one line."""
    try:
        return main(sys.argv[1:])
    except FirelibError as error:
        note(f"error: {error}")
        return 1


def _run(words: Sequence[str], ray: Mapping[str, str]) -> int:
    return with_outputs(os.environ, Path.cwd(), lambda: run_stage(words, ray))


def _self_check() -> int:
    for package, version in self_check().items():
        note(f"{package} {version or 'is not here'}")
    return 0


def _end_now(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def meeting_place(environ: Mapping[str, str]) -> str:
    """URI of the folder where the job's replicas meet: below its storage root, else its output folder.

    Raises:
        FirelibError: Neither is known.
    """
    job = environ.get(JOB_ID) or environ.get("CLOUD_ML_JOB_ID")
    root = environ.get("FIRELIB_STORAGE_ROOT")
    if root and job:
        return storage.join(root, "jobs", job, "meeting")
    folder = environ.get("AIP_CHECKPOINT_DIR") or environ.get("AIP_MODEL_DIR")
    if folder:
        return storage.join(folder.replace("/gcs/", "gs://", 1), "meeting")
    raise FirelibError(
        "this replica does not know where to meet the others",
        where="the environment",
        remedy=f"FIRELIB_STORAGE_ROOT and {JOB_ID}, or an output folder (AIP_CHECKPOINT_DIR)",
    )


def _lead(words: Sequence[str], place: Place, meeting: Rendezvous, waits: Patience) -> int:
    """Replica 0: head, driver, and the word that all is over."""
    address = own_address(place.hosts[0])
    head, code = new_head(f"{address}:{waits.port}"), 1
    arguments = ["--head", f"--node-ip-address={address}", f"--port={waits.port}", "--include-dashboard=false"]
    try:
        with ray_node(head.token, [*arguments, *_shares()]), private_token(head.token) as file:
            meeting.announce(head)
            _await_peers(place, meeting, head, waits.peers)
            ray = {"RAY_ADDRESS": head.address, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}
            code = _run(words, ray)
    except SystemExit as told:  # SIGTERM before the stage began
        code = int(told.code or 0)
    finally:
        meeting.end(head, code)
        meeting.clear()
    return code


def _shares() -> list[str]:
    """Cores that this replica gives, if not all that its container has."""
    cpus = os.environ.get("FIRELIB_NUM_CPUS")
    return [f"--num-cpus={cpus}"] if cpus else []


def _await_peers(place: Place, meeting: Rendezvous, head: Head, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while len(there := meeting.joined(place.count, head)) < place.count - 1:
        if time.monotonic() > deadline:
            note(f"{len(there)} of {place.count - 1} other replicas are here after {seconds:g} s: going on with them")
            return
        time.sleep(_POLL_SECONDS)
    note(f"all {place.count} replicas are here")


def _follow(place: Place, meeting: Rendezvous, waits: Patience) -> int:
    """Another replica: join whatever head there is, until one says that the stage has ended."""
    old = meeting.ended()  # before this start: of an attempt that failed and comes again, or we are late
    told = _Told()
    lost = time.monotonic()
    while not told.to_end:
        ended = meeting.ended()
        if ended and ended != old:
            return ended[1]
        head = meeting.head()
        if head is not None:
            _join(place, meeting, head, told)
            lost = time.monotonic()
        elif old and time.monotonic() - lost > waits.again:
            return old[1]
        elif time.monotonic() - lost > waits.head:
            raise FirelibError(
                f"replica {place.index} has waited {waits.head:g} s for replica 0",
                where=meeting.uri,
                remedy="look at the log of replica 0; FIRELIB_HEAD_SECONDS waits longer",
            )
        time.sleep(_POLL_SECONDS)
    return 128 + signal.SIGTERM


def _join(place: Place, meeting: Rendezvous, head: Head, told: "_Told") -> None:
    """Be a node of a head's cluster as long as both live."""
    host = head.address.rpartition(":")[0]
    arguments = [f"--address={head.address}", f"--node-ip-address={own_address(host)}", *_shares()]
    try:
        with ray_node(head.token, arguments) as node:
            meeting.join(place.index, head)
            note(f"replica {place.index} has joined {head.address}")
            while node.poll() is None and not told.to_end and meeting.head() == head:
                time.sleep(_POLL_SECONDS)
    except FirelibError as error:  # the head may be a dead one, or not ready: look again
        note(str(error))


class _Told:
    """Whether SIGTERM came."""

    def __init__(self) -> None:
        self.to_end = False
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, *_: object) -> None:
        self.to_end = True
