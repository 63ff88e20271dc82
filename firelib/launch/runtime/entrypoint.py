"""Entry point of the images: `python -m firelib.launch.bootstrap firelib train`.

The environment determines the role of this process. A single replica, or the driver of a running Ray cluster
(`RAY_ADDRESS`), runs the stage. Replica 0 of several starts the head of a Ray cluster and runs the stage on it. The
other replicas join that cluster, again after every loss, until the stage has ended. All replicas exit with the stage's
exit code.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.runtime.follower import follow_head
from firelib.launch.runtime.head import run_head
from firelib.launch.runtime.image_check import find_component, self_check
from firelib.launch.runtime.rendezvous import Rendezvous, rendezvous_uri
from firelib.launch.runtime.replica import detect_replica
from firelib.launch.runtime.secret_manager import read_cloud_secrets
from firelib.launch.runtime.stage_runner import run_stage
from firelib.launch.runtime.timeouts import Timeouts
from firelib.launch.transfer.code_transfer import run_and_upload_outputs, unpack_code


def main(argv: Sequence[str]) -> int:
    """Run a stage in the role that the environment determines.

    Args:
        argv: The stage and its options, with or without `firelib` before them; empty for the image's own stage.

    Returns:
        The stage's exit code, on every replica.
    """
    arguments = list(argv[1:] if argv[:1] == ["firelib"] else argv) or _default_arguments()
    if arguments == ["self-check"]:
        return _self_check()
    signal.signal(signal.SIGTERM, _exit_now)  # process 1 of a container has no default handler
    read_cloud_secrets(os.environ)
    unpack_code(os.environ, Path.cwd())
    replica = detect_replica(os.environ)
    if replica is None:
        return _run(arguments, {})
    rendezvous, timeouts = Rendezvous(rendezvous_uri(os.environ)), Timeouts.from_environment(os.environ)
    if replica.is_head:
        return run_head(lambda ray: _run(arguments, ray), replica, rendezvous, timeouts)
    return follow_head(replica, rendezvous, timeouts)


def _default_arguments() -> list[str]:
    component = find_component()
    return [component.stage, *component.options]


def run() -> int:
    """Run `main` on the command line; print an error as one message and return 1."""
    try:
        return main(sys.argv[1:])
    except FirelibError as error:
        note(f"error: {error}")
        return 1


def _run(arguments: Sequence[str], ray: dict[str, str]) -> int:
    return run_and_upload_outputs(os.environ, Path.cwd(), lambda: run_stage(arguments, ray))


def _self_check() -> int:
    for package, version in self_check().items():
        note(f"{package} {version or 'is not installed'}")
    return 0


def _exit_now(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)
