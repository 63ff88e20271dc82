"""`firelib run`: what is stale according to DVC is run again, with one Ray for all stages."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from firelib.config import Environment
from firelib.console import note
from firelib.console_tables import show_places, show_results
from firelib.errors import STOPPED_FILE, FirelibError, StoppedError
from firelib.project_layout import Paths
from firelib.ray_setup.session import ray_session

_GRACE_SECONDS = 60.0


def run_pipeline(
    paths: Paths, pipeline: Path, environment: Environment, targets: Sequence[str], force: bool, debug: bool
) -> int:
    """Bring stages up to date.

    Args:
        paths: The project.
        pipeline: Its dvc.yaml with the stages.
        environment: For the Ray to start.
        targets: Stages of that file, with all that they depend on; none means all.
        force: Run them even if nothing has changed.
        debug: Show what Ray's workers print.

    Returns:
        DVC's exit code; 75 if a stage was stopped and goes on when it is run again.
    """
    targets = addresses(pipeline, targets)
    stale = stale_stages(paths.project, targets)
    if not stale and not force:
        note("nothing to do: every stage is up to date (--force runs them all the same)")
        show_results(paths)
        return 0
    note(f"to run: {', '.join(stale) or 'all stages'}")
    before = _written_at(paths.test_metrics)
    if environment.ray_address:  # each stage sends itself there
        code = _repro(paths.project, targets, force, {})
    else:
        with ray_session(environment, debug=debug) as address:
            code = _repro(paths.project, targets, force, {"RAY_ADDRESS": address, "RAY_AUTH_MODE": "token"})
    if code == StoppedError.exit_code:
        note("stopped: the same command goes on from here")
    elif code:
        note("stopped: finished stages are kept; correct the problem above and run the same command again")
    elif _written_at(paths.test_metrics) != before:
        show_places(paths)  # the stage has just shown the metrics
    else:
        show_results(paths)
    return code


def addresses(pipeline: Path, stages: Sequence[str]) -> list[str]:
    """Stages as DVC knows them from any folder: `/…/pipelines/mine/dvc.yaml:train`; none is the whole file."""
    file = str(pipeline.absolute())
    return [f"{file}:{stage}" for stage in stages] or [file]


def stale_stages(project: Path, targets: Sequence[str]) -> list[str]:
    """Stages that DVC would run because of what has changed (those below them follow).

    Raises:
        FirelibError: This is no DVC project, or dvc.yaml is wrong.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(project)) as repo:
            return [name.rpartition(":")[2] for name in repo.status(targets=list(targets))]
    except DvcException as error:
        raise FirelibError(
            f"DVC: {error}", where=str(project), remedy="check dvc.yaml and dvc.lock; outside of git: dvc init --no-scm"
        ) from error


def _written_at(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.is_file() else None


def _repro(project: Path, targets: Sequence[str], force: bool, ray: Mapping[str, str]) -> int:
    """`dvc repro`; `ray` tells its stages of the Ray that runs already."""
    own = Path(sys.executable).parent  # dvc.yaml says `firelib`: the one of this environment
    environment = {
        **os.environ,
        "PATH": f"{own}{os.pathsep}{os.environ.get('PATH', '')}",
        **ray,
    }
    command = [sys.executable, "-m", "dvc", "repro", *(["--force"] if force else []), *targets]
    with tempfile.TemporaryDirectory() as folder:
        stopped = Path(folder, "stopped")  # DVC has one exit code for all that goes wrong in a stage
        environment[STOPPED_FILE] = str(stopped)
        with subprocess.Popen(command, cwd=project, env=environment) as dvc, _passed_on(dvc):  # noqa: S603  our own words
            code = _wait(dvc)
        return StoppedError.exit_code if stopped.exists() else code


def _wait(dvc: "subprocess.Popen[bytes]") -> int:
    try:
        return dvc.wait()
    except KeyboardInterrupt:  # Ctrl-C reaches DVC and its stage too: they need a moment to give back their locks
        note("\nstopping (Ctrl-C again ends it at once)")
        try:
            dvc.wait(_GRACE_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            dvc.kill()
        raise


@contextmanager
def _passed_on(dvc: "subprocess.Popen[bytes]") -> Iterator[None]:
    """SIGTERM goes to the stage, which knows how to stop; DVC would die of it and leave the stage behind."""

    def pass_on(*_: object) -> None:
        with suppress(psutil.NoSuchProcess):  # a stage that is over already
            for process in psutil.Process(dvc.pid).children(recursive=True):
                if not process.children():  # the stage itself, not the shell around it
                    process.terminate()

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
