"""Start Ray inside this process: several tries, a session folder that fits, and nothing left of a failed start."""

import errno
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import stamina

from firelib import machine
from firelib.config import Environment
from firelib.console import note
from firelib.errors import FirelibError
from firelib.ray_setup.lean_start import lean_start
from firelib.ray_setup.token import ray_token, token_file
from firelib.user_folders import is_writable

_TRIES = 3
_WAIT_SECONDS = 5.0
# A try takes half a minute where Ray's processes do not come up, and up to 80 s: no new one begins after this time, so
# that all of them end within four minutes.
_LAST_TRY_SECONDS = 140.0
_END_SECONDS = 5.0
_SOCKET_BYTES = 107  # of a Unix socket's path
# Errors that another try would only repeat; of those, the two that it may not.
_LASTING, _TRANSIENT = (OSError, ValueError, TypeError), (ConnectionError, TimeoutError)
_SHM = Path("/dev/shm")  # noqa: S108  # the place itself, no temporary file
_GIB = 2**30


@contextmanager
def embedded_ray(environment: Environment, debug: bool = False) -> Iterator[None]:
    """Run Ray in this process and its children for the time of the block.

    Args:
        environment: `num_cpus` limits Ray's cores.
        debug: Show what the workers print.

    Raises:
        FirelibError: Ray does not start.
    """
    import ray

    _require_token()
    with session_parent() as temp_dir:
        _start_with_retries(lambda: _start_embedded(environment, debug, temp_dir), Path(temp_dir or ray_temp_dir()))
        try:
            yield
        finally:
            ray.shutdown()


def _start_embedded(environment: Environment, debug: bool, temp_dir: str | None) -> None:
    import ray

    with lean_start(log_monitor=debug):
        ray.init(
            address="local",
            num_cpus=environment.num_cpus,
            object_store_memory=_object_store_bytes(),
            include_dashboard=False,
            log_to_driver=debug,
            logging_level=logging.INFO if debug else logging.ERROR,
            _temp_dir=temp_dir,
        )


class _StartError(Exception):
    """Ray did not start; another try may help."""


def _start_with_retries(start: Callable[[], None], temp_dir: Path) -> None:
    logging.getLogger("stamina").setLevel(logging.ERROR)  # `_start_once` says what happened
    tried = 0
    try:
        for attempt in stamina.retry_context(
            on=_StartError, attempts=_TRIES, timeout=_LAST_TRY_SECONDS, wait_initial=_WAIT_SECONDS, wait_max=15.0
        ):
            with attempt:
                tried = attempt.num
                _start_once(start, temp_dir)
    except _StartError as error:
        reason = "this machine is too busy" if machine.is_busy() else "this machine is too busy, or Ray cannot run here"
        raise FirelibError(
            f"Ray did not start in {tried} tries: {reason} ({machine.state()})",
            where=f"embedded Ray: {error}",
            remedy="end other work on this machine and run the same command again, limit Ray with FIRELIB_NUM_CPUS, "
            "or join a running Ray with RAY_ADDRESS; firelib doctor checks memory and disks",
        ) from error.__cause__


def _start_once(start: Callable[[], None], temp_dir: Path) -> None:
    """Start Ray, or leave nothing of it."""
    before = _sessions(temp_dir)
    children = set(psutil.Process().children(recursive=True))
    try:
        start()
    except BaseException as error:
        _clean_up(temp_dir, _sessions(temp_dir) - before, children)
        if isinstance(error, _LASTING) and not isinstance(error, _TRANSIENT):
            raise _lasting(error, temp_dir) from error
        if not isinstance(error, Exception):  # Ctrl-C
            raise
        reason = _first_line(error)
        note(f"Ray did not start ({reason}); {machine.state()}")
        raise _StartError(reason) from error


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _lasting(error: Exception, temp_dir: Path) -> FirelibError:
    """An error that another try would only repeat."""
    number = error.errno if isinstance(error, OSError) else None
    remedy = "firelib doctor checks this machine; --debug before the command shows where it happened"
    if number == errno.ENOSPC:
        remedy = f"free space on the disk of {temp_dir}, or set RAY_TMPDIR to a folder on another disk"
    elif number in (errno.EROFS, errno.EACCES, errno.EPERM):
        remedy = "make that folder writable, or set RAY_TMPDIR (sessions) and HOME (Ray's token) to writable folders"
    elif isinstance(error, OSError) and "AF_UNIX" in str(error):
        remedy = "set RAY_TMPDIR to a folder with a short path, such as /tmp"
    return FirelibError(f"Ray cannot start: {_first_line(error)}", where=f"embedded Ray in {temp_dir}", remedy=remedy)


def _sessions(temp_dir: Path) -> set[Path]:
    """Session folders of this process; Ray puts its id into their names."""
    return set(temp_dir.glob(f"session_*_{os.getpid()}"))


def _clean_up(temp_dir: Path, sessions: set[Path], children: set[psutil.Process]) -> None:
    """End what a failed start left running, and remove its session folders."""
    import ray

    with suppress(Exception):  # a half-started Ray may fail to shut down: its processes are ended below
        ray.shutdown()
    _end([process for process in _processes_of(sessions) if process not in children])
    for session in sessions:
        shutil.rmtree(session, ignore_errors=True)
    latest = temp_dir / "session_latest"
    if latest.is_symlink() and not latest.exists():
        with suppress(OSError):
            latest.unlink()


def _processes_of(sessions: set[Path]) -> list[psutil.Process]:
    """Ray's processes that name one of the sessions in their arguments, and their children."""
    names = {session.name for session in sessions}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter(["cmdline"]):
        arguments = " ".join(process.info["cmdline"] or [])
        if process.pid != os.getpid() and any(name in arguments for name in names):
            found[process.pid] = process
            with suppress(psutil.NoSuchProcess):
                found.update((child.pid, child) for child in process.children(recursive=True))
    return list(found.values())


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=_END_SECONDS)


def ray_temp_dir() -> str:
    """The folder of Ray's sessions, as Ray chooses it."""
    return f"{os.environ.get('RAY_TMPDIR') or os.environ.get('TMPDIR') or '/tmp'}/ray"  # noqa: S108  # Ray's default


def fits_sockets(temp_dir: str) -> bool:
    """Whether the sockets of a session in this folder get paths that the system allows."""
    socket = f"{temp_dir}/session_2026-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store"
    return len(os.fsencode(socket)) <= _SOCKET_BYTES


@contextmanager
def session_parent() -> Iterator[str | None]:
    """A private, short folder for Ray's session, where its default is too long or not writable; else None.

    The folder is removed at the end of the block.
    """
    default = ray_temp_dir()
    fits = fits_sockets(default)
    if fits and is_writable(default):
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="firelib-", dir=_short_folder(default)))
    note(f"{default} is {'not writable' if fits else 'too long for sockets'}: Ray's session is in {folder}")
    try:
        yield str(folder / "ray")  # below: Ray opens the folder that it is given to all users
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _short_folder(default: str) -> str:
    # XDG_RUNTIME_DIR comes last: it is small, and Ray may spill objects into its session.
    for folder in ("/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR", "")):  # noqa: S108  # mkdtemp makes it private
        if folder and is_writable(folder) and fits_sockets(f"{folder}/firelib-12345678/ray"):
            return folder
    raise FirelibError(
        f"no folder is both writable and short enough for Ray's sockets, {default} included",
        where="RAY_TMPDIR, TMPDIR",
        remedy="set RAY_TMPDIR to a writable folder with a path of at most 40 bytes",
    )


def _require_token() -> None:
    """Give Ray a token in the environment where it cannot write the file that it makes otherwise."""
    path = token_file(os.environ, Path.home())
    if not ray_token(os.environ, Path.home()) and not is_writable(str(path)):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _object_store_bytes() -> int | None:
    """Bytes of the object store where Ray's default would not fit into /dev/shm and go to slow files; else None."""
    from ray._private import utils

    free = free_shared_memory(_SHM)
    if free is None or utils.resolve_object_store_memory(int(utils.estimate_available_memory())) <= free:
        return None
    if free >= _GIB:
        return int(free * 0.95)
    note(f"only {free / _GIB:.2f} GiB are free in {_SHM}: Ray keeps objects in slow files (docker run --shm-size=4g)")
    return None


def free_shared_memory(folder: Path) -> int | None:
    """Free bytes of shared memory; None where the system has none."""
    return shutil.disk_usage(folder).free if folder.is_dir() else None
