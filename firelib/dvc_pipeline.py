"""`firelib run`: run the stages that DVC considers stale, with one Ray for all of them."""

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
from firelib.console_tables import show_output_paths, show_results
from firelib.errors import STOPPED_FILE, FirelibError, StoppedError
from firelib.project_layout import Paths
from firelib.ray_setup.session import ray_session

_GRACE_SECONDS = 60.0


def run_pipeline(
    paths: Paths, pipeline: Path, environment: Environment, targets: Sequence[str], force: bool, debug: bool
) -> int:
    """Bring stages up to date.

    Args:
        paths: Paths of the recipe's files.
        pipeline: The dvc.yaml that defines the stages.
        environment: Settings for the embedded Ray.
        targets: Names of stages, which run with their dependencies; all stages if empty.
        force: Run stages that are up to date, too.
        debug: Show the output of Ray's workers.

    Returns:
        DVC's exit code; 75 if a stage was stopped and can be resumed.

    Raises:
        FirelibError: The folder is not a DVC project, dvc.yaml is invalid, or Ray does not start.
    """
    targets = qualify_targets(pipeline, targets)
    stale = stale_stages(paths.project, targets)
    if not stale and not force:
        note("nothing to do: all stages are up to date (--force runs them anyway)")
        show_results(paths)
        return 0
    note(f"to run: {', '.join(stale) or 'all stages'}")
    before = _modified_at(paths.test_metrics)
    if environment.ray_address:  # each stage submits itself to that cluster
        code = _repro(paths.project, targets, force, {})
    else:
        with ray_session(environment, debug=debug) as address:
            code = _repro(paths.project, targets, force, {"RAY_ADDRESS": address, "RAY_AUTH_MODE": "token"})
    if code == StoppedError.exit_code:
        note("stopped: run the same command again to resume")
    elif code:
        note("failed: finished stages are kept; fix the problem above and run the same command again")
    elif _modified_at(paths.test_metrics) != before:
        show_output_paths(paths)  # the evaluation has just printed the metrics
    else:
        show_results(paths)
    return code


def qualify_targets(pipeline: Path, stages: Sequence[str]) -> list[str]:
    """Convert stage names to DVC targets that are valid in any working directory.

    Args:
        pipeline: The dvc.yaml that defines the stages.
        stages: Names of stages.

    Returns:
        Targets such as `/…/pipelines/mine/dvc.yaml:train`; the path of the file itself if `stages` is empty.
    """
    file = str(pipeline.absolute())
    return [f"{file}:{stage}" for stage in stages] or [file]


def stale_stages(project: Path, targets: Sequence[str]) -> list[str]:
    """Find the stages whose dependencies, outputs or parameters have changed; DVC also runs their dependents.

    Args:
        project: The project's folder.
        targets: DVC targets.

    Returns:
        Names of stages.

    Raises:
        FirelibError: The folder is not a DVC project, or dvc.yaml is invalid.
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


def _modified_at(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.is_file() else None


def _repro(project: Path, targets: Sequence[str], force: bool, ray: Mapping[str, str]) -> int:
    """Run `dvc repro`; the stages join the running Ray through the environment variables in `ray`."""
    bin_folder = Path(sys.executable).parent  # dvc.yaml calls `firelib`: it must be the one of this environment
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}", **ray}
    command = [sys.executable, "-m", "dvc", "repro", *(["--force"] if force else []), *targets]
    with tempfile.TemporaryDirectory() as folder:
        stopped = Path(folder, "stopped")  # DVC returns the same exit code for every failure of a stage
        environment[STOPPED_FILE] = str(stopped)
        with subprocess.Popen(command, cwd=project, env=environment) as dvc, _forward_sigterm(dvc):  # noqa: S603  our own command
            code = _wait(dvc)
        return StoppedError.exit_code if stopped.exists() else code


def _wait(dvc: "subprocess.Popen[bytes]") -> int:
    try:
        return dvc.wait()
    except KeyboardInterrupt:  # Ctrl-C reaches DVC and its stage, too, which need time to release their locks
        note("\nstopping (press Ctrl-C again to stop immediately)")
        try:
            dvc.wait(_GRACE_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            dvc.kill()
        raise


@contextmanager
def _forward_sigterm(dvc: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Forward SIGTERM to the stage, which stops cleanly; DVC itself would exit and leave the stage running."""

    def forward(*_: object) -> None:
        with suppress(psutil.NoSuchProcess):  # the stage has ended
            for process in psutil.Process(dvc.pid).children(recursive=True):
                if not process.children():  # the stage itself, not the shell around it
                    process.terminate()

    before = signal.signal(signal.SIGTERM, forward)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
