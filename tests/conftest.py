"""What all tests share: the environment, one Ray, and the check for leftover processes."""

import logging
import os
import signal
import time
import uuid
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from hypothesis import settings

from tests import buckets
from tests.patience import patience

# Set before any test imports the libraries that read them; Ray's workers inherit them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ["DVC_NO_ANALYTICS"] = "1"
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
for name in [name for name in os.environ if name.startswith(("FIRELIB_", "WANDB_")) or name == "RAY_ADDRESS"]:
    del os.environ[name]  # the user's settings must not influence the tests

# Shells start background commands with Ctrl-C ignored, which every process of the tests would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run; `--hypothesis-profile=explore` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("same")

# Every process that a test starts inherits this mark, so that it can be found after its parent has died. Each worker of
# pytest-xdist has its own mark, which begins with the mark of the main process.
_MARK = "TESTS_SESSION"
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
_LEFT = "left_over"
_left_by_workers: list[str] = []
os.environ[_MARK] = f"{os.environ.get(_MARK, '')}-{_WORKER}" if _WORKER else uuid.uuid4().hex


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Remove DVC's log handlers, which write to the output, closed by now, of the test that imported DVC first."""
    for name in ("dvc", "dvc_objects", "dvc_data"):
        logging.getLogger(name).handlers.clear()


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """One real, small Ray for all tests that need it."""
    from firelib.config import Environment
    from firelib.ray_setup.session import ray_session

    with ray_session(Environment(num_cpus=2)):
        yield


# Slow, because the emulated stores sometimes hang after the rest of the suite; on their own they pass.
@pytest.fixture(scope="session", params=[pytest.param(store, marks=pytest.mark.slow) for store in ("s3", "gcs")])
def bucket(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URI of a bucket in each kind of object store."""
    with getattr(buckets, request.param)() as uri:
        yield uri


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their number: compressed ones hold a time, and all processes must collect the same names."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a process that it started is still running."""
    deadline = time.monotonic() + patience(20)
    while (left := _left_over()) and time.monotonic() < deadline:
        time.sleep(0.2)
    if _WORKER:
        session.config.workeroutput[_LEFT] = left  # type: ignore[attr-defined]
    elif left := _left_by_workers + left:
        session.config.get_terminal_writer().line("\nleft over: " + "; ".join(left), red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect the leftovers that a worker of pytest-xdist has found: the worker's own exit status is ignored."""
    _left_by_workers.extend(getattr(node, "workeroutput", {}).get(_LEFT, []))


def _left_over() -> list[str]:
    children = {process.pid for process in psutil.Process().children(recursive=True)}
    return [
        f"{process.pid} {process.info['cmdline']}"
        for process in psutil.process_iter(["cmdline", "status", "environ"])
        if process.pid != os.getpid()
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and (process.pid in children or _is_marked(process.info["environ"]))
    ]


def _is_marked(environ: dict[str, str] | None) -> bool:
    """Whether this process, or one of its pytest-xdist workers, set the mark."""
    return f"{(environ or {}).get(_MARK, '')}-".startswith(f"{os.environ[_MARK]}-")
