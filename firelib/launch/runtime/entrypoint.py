"""Entry point of the images: `python -m firelib.launch.bootstrap firelib train`.

The environment determines the role of this process. A single replica, or the driver of a running Ray cluster
(`RAY_ADDRESS`), runs the stage. Replica 0 of several starts the head of a Ray cluster and runs the stage on it. The
other replicas join that cluster, again after every loss, until the stage has ended. All replicas exit with the stage's
exit code. Before that, each replica checks that it has the GPUs that the job has requested.

Where the platform takes every exit code but 0 for the end of the whole job, a replica that has received SIGTERM saves
its work and waits to be ended: the platform then starts it elsewhere, and training resumes.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.runtime.follower import follow_head
from firelib.launch.runtime.gpus.guard import add_driver_folder, require_gpus
from firelib.launch.runtime.head import run_head
from firelib.launch.runtime.image_check import find_component, self_check
from firelib.launch.runtime.platforms import Platform, detect_platform
from firelib.launch.runtime.rendezvous import Rendezvous, create_head, rendezvous_uri
from firelib.launch.runtime.replica import ReplicaIdentity, detect_replica
from firelib.launch.runtime.secret_manager import read_cloud_secrets
from firelib.launch.runtime.stage_runner import ShutdownFlag, run_stage
from firelib.launch.runtime.timeouts import Clock, Timeouts
from firelib.launch.transfer.code_transfer import run_and_upload_outputs, unpack_code

# Longer than any platform waits between SIGTERM and SIGKILL.
_ENDING_SECONDS = 600.0


def main(argv: Sequence[str], shutdown: ShutdownFlag | None = None) -> int:
    """Run a stage in the role that the environment determines.

    Args:
        argv: The stage and its options, with or without `firelib` before them; empty for the image's own stage.
        shutdown: Flag that SIGTERM sets.

    Returns:
        The stage's exit code, on every replica.

    Raises:
        FirelibError: The replica cannot run the job.
    """
    shutdown = shutdown or ShutdownFlag()
    arguments = list(argv[1:] if argv[:1] == ["firelib"] else argv) or _default_arguments()
    if arguments == ["self-check"]:
        return _self_check()
    signal.signal(signal.SIGTERM, lambda *_: _exit_now(shutdown))  # process 1 of a container has no default handler
    read_cloud_secrets(os.environ)
    add_driver_folder(os.environ)
    replica = detect_replica(os.environ)
    if replica is None:
        _prepare()
        return _run(arguments, {}, shutdown)
    rendezvous, timeouts = Rendezvous(rendezvous_uri(os.environ)), Timeouts.from_environment(os.environ)
    _prepare_replica(replica, rendezvous)
    if replica.is_head:
        return run_head(lambda ray: _run(arguments, ray, shutdown), replica, rendezvous, timeouts, shutdown)
    return follow_head(replica, rendezvous, timeouts, shutdown)


def _prepare() -> None:
    """Check the GPUs and unpack the project's code."""
    require_gpus(os.environ)
    unpack_code(os.environ, Path.cwd())


def _prepare_replica(replica: ReplicaIdentity, rendezvous: Rendezvous) -> None:
    """Prepare. A failure of replica 0 ends the others; one of the others is shown to the user by replica 0."""
    rendezvous.withdraw_failure(replica.index)
    try:
        _prepare()
    except FirelibError as error:
        if replica.is_head:
            rendezvous.publish_exit(create_head(""), error.exit_code)
        else:
            rendezvous.report_failure(replica.index, str(error))
        raise


def _default_arguments() -> list[str]:
    component = find_component()
    return [component.stage, *component.options]


def run() -> int:
    """Run `main` on the command line; print an error as one message and return its exit code."""
    shutdown = ShutdownFlag()
    try:
        code = main(sys.argv[1:], shutdown)
    except FirelibError as error:
        note(f"error: {error}")
        code = error.exit_code
    except SystemExit as exit_:  # SIGTERM before the stage began
        code = int(exit_.code or 0)
    return await_end(code, shutdown, detect_platform(os.environ), Clock())


def await_end(code: int, shutdown: ShutdownFlag, platform: Platform, clock: Clock) -> int:
    """Wait for the platform to end this process after SIGTERM, where an exit code would end the job for good.

    Args:
        code: Exit code of this replica.
        shutdown: Whether SIGTERM has arrived.
        platform: Rules of the platform.
        clock: Measures the wait.

    Returns:
        The exit code, at once or after ten minutes in which nothing has ended this process.
    """
    if code and shutdown.is_set and platform.exit_is_final:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note("SIGTERM: the work is saved; waiting to be ended, since an exit would be the end of the whole job")
        clock.sleep(_ENDING_SECONDS)
    return code


def _run(arguments: Sequence[str], ray: dict[str, str], shutdown: ShutdownFlag) -> int:
    return run_and_upload_outputs(os.environ, Path.cwd(), lambda: run_stage(arguments, ray, shutdown))


def _self_check() -> int:
    for package, version in self_check().items():
        note(f"{package} {version or 'is not installed'}")
    return 0


def _exit_now(shutdown: ShutdownFlag) -> None:
    shutdown.set()
    raise SystemExit(128 + signal.SIGTERM)
