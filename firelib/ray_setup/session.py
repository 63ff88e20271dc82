"""One Ray for all stages of a run: join the cluster at `RAY_ADDRESS`, or start Ray in this process."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

from firelib.config import Environment
from firelib.console import note, silence_stderr
from firelib.errors import FirelibError
from firelib.ray_setup.loopback import on_loopback_if_it_listens_there
from firelib.ray_setup.probe import probe
from firelib.ray_setup.sigterm import keep_sigterm_handler
from firelib.ray_setup.start import embedded_ray
from firelib.recipe import Recipe

# Ray reads these when it is imported: send no usage reports, keep CUDA_VISIBLE_DEVICES in workers without GPUs, and
# do not create a second environment for workers under `uv run`. Ray's workers have niceness 15 by default, which leaves
# them 4 % of the share of any other process: on a busy machine the run that its user waits for would almost stop.
# A task that Ray kills for lack of memory is retried without end by default.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_worker_niceness", "0")
os.environ.setdefault("RAY_task_oom_retries", "3")


@contextmanager
def ray_session(
    environment: Environment,
    recipe: Recipe | None = None,
    debug: bool = False,
    exit_on_loss: bool = False,
    idle_workers: bool = True,
) -> Iterator[str]:
    """Connect to Ray for the duration of the block.

    Args:
        environment: `num_cpus` limits embedded Ray.
        recipe: If it was loaded from a file, Ray pickles its functions by value.
        debug: Show the workers' output.
        exit_on_loss: Exit if embedded Ray loses its GCS or raylet; otherwise the loss is only reported.
        idle_workers: Whether embedded Ray starts a process per core for tasks before there are any.

    Yields:
        The address of Ray's GCS, `host:port`.

    Raises:
        FirelibError: Ray does not start, or does not respond.
    """
    import ray

    if recipe is not None:
        pickle_by_value(sys.modules[type(recipe).__module__])
    if ray.is_initialized():  # by the caller (tests, a notebook), who also shuts it down
        yield ray.get_runtime_context().gcs_address
        return
    address = os.environ.get("RAY_ADDRESS")
    joins = address and address != "local"
    with (
        nullcontext() if debug else _hide_raylet_messages(),
        _join(str(address), debug) if joins else embedded_ray(environment, debug, exit_on_loss, idle_workers),
    ):
        _restrict_token_file()
        yield ray.get_runtime_context().gcs_address


@contextmanager
def _hide_raylet_messages() -> Iterator[None]:
    """Hide what the raylet reports of tasks that it starts again: if all attempts fail, firelib says it in one error.

    Ray 2.60 prints it on standard output, `log_to_driver=False` or not (`ray/_private/worker.py`,
    `listen_error_messages`).
    """
    from ray._private import worker

    with patch.object(worker, "print_to_stdstream", _ignore):
        yield


def _ignore(*_: object, **__: object) -> None:
    pass


@contextmanager
def _join(address: str, debug: bool) -> Iterator[None]:
    """Connect to a running Ray. Unless debugging, discard what its native client logs while it fails."""
    import ray
    from ray._private import services  # resolves "auto" like `ray.init` (ray/_private/worker.py); no public API does

    os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        probe(services.canonicalize_bootstrap_address(address) if address == "auto" else address)
        quiet = nullcontext() if debug else silence_stderr()
        with on_loopback_if_it_listens_there(address), keep_sigterm_handler(), quiet:
            ray.init(
                address=address,
                log_to_driver=debug,
                logging_level=logging.INFO if debug else logging.ERROR,
            )
    except Exception as error:
        ray.shutdown()
        raise FirelibError(
            f"cannot connect to Ray at {address}: {error}",
            where=f"RAY_ADDRESS={address}",
            remedy=_remedy(address),
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _remedy(address: str) -> str:
    if address.startswith(("http://", "https://")):
        return f"set RAY_ADDRESS=host:6379, or FIRELIB_RAY_ADDRESS={address} to submit jobs through the dashboard"
    return (
        "check that this Ray runs, that its port is open, and the token (RAY_AUTH_MODE=token), "
        "or unset RAY_ADDRESS to start Ray on this machine; for details: firelib doctor"
    )


def _restrict_token_file() -> None:
    """Make Ray's token file private: Ray generates it with a mode that lets all users of this machine read it."""
    token = Path.home() / ".ray" / "auth_token"
    with suppress(OSError):  # no access, or a read-only file system
        if token.is_file() and token.stat().st_uid == os.getuid():
            token.chmod(0o600)


def pickle_by_value(module: ModuleType) -> None:
    """Make Ray pickle a module's functions with their code if workers cannot import it: a recipe from a file."""
    from ray import cloudpickle

    if module.__name__.startswith("firelib_recipe_"):
        cloudpickle.register_pickle_by_value(module)


def require_cpus(required: float, what: str) -> None:
    """Check that this Ray has enough CPUs: Ray would wait forever for missing ones.

    Args:
        required: Number of CPUs.
        what: Name of the work.

    Raises:
        FirelibError: Ray has fewer CPUs.
    """
    import ray

    available = ray.cluster_resources().get("CPU", 0.0)
    if required > available:
        raise FirelibError(
            f"{what} needs {required:g} CPUs, this Ray has {available:g}",
            where="params.yaml: train.workers",
            remedy="lower train.workers (WORKERS=, FIRELIB_WORKERS) or train.cpus_per_worker, or use a larger cluster",
        )
    if required == available:
        note(f"{what} uses all {available:g} CPUs of this Ray")
