"""One Ray for all stages of a run: join the one that `RAY_ADDRESS` names, else start one in this process."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import ModuleType

from firelib.config import Environment
from firelib.console import note, quiet
from firelib.errors import FirelibError
from firelib.ray_setup.probe import probe
from firelib.ray_setup.start import embedded_ray
from firelib.recipe import Recipe

# Set before `import ray`: reports of usage leave the machine, and the banner of warnings helps nobody.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")


@contextmanager
def ray_session(environment: Environment, recipe: Recipe | None = None, debug: bool = False) -> Iterator[str]:
    """Connect to Ray for the time of the block and give its address.

    Args:
        environment: `num_cpus` limits embedded Ray.
        recipe: A recipe from a file is shipped to the workers by value.
        debug: Show what the workers print.

    Raises:
        FirelibError: Ray does not start, or does not answer.
    """
    import ray

    if recipe is not None:
        ship_by_value(sys.modules[type(recipe).__module__])
    if ray.is_initialized():  # a caller's Ray (tests, a notebook) is used and left running
        yield ray.get_runtime_context().gcs_address
        return
    address = os.environ.get("RAY_ADDRESS")
    with _joined(address, debug) if address and address != "local" else embedded_ray(environment, debug):
        _guard_token()
        yield ray.get_runtime_context().gcs_address


@contextmanager
def _joined(address: str, debug: bool) -> Iterator[None]:
    """Connect to a running Ray; what its client logs natively while it fails is hidden."""
    import ray
    from ray._private import services

    os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        probe(services.canonicalize_bootstrap_address(address) if address == "auto" else address)
        with nullcontext() if debug else quiet():
            ray.init(
                address=address,
                log_to_driver=debug,
                logging_level=logging.INFO if debug else logging.ERROR,
            )
    except Exception as error:
        ray.shutdown()
        raise FirelibError(
            f"cannot reach Ray at {address}: {error}",
            where=f"RAY_ADDRESS={address}",
            remedy=_remedy(address),
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _remedy(address: str) -> str:
    if address.startswith(("http://", "https://")):
        return f"RAY_ADDRESS takes host:6379; for jobs sent to a dashboard, FIRELIB_RAY_ADDRESS={address}"
    return (
        "check that this Ray runs and its port is open, and the token (RAY_AUTH_MODE=token), "
        "or unset RAY_ADDRESS to start Ray here; firelib doctor says more"
    )


def _guard_token() -> None:
    """Ray leaves the token that it makes readable for all users of this machine."""
    token = Path.home() / ".ray" / "auth_token"
    with suppress(OSError):  # not ours to read, or a file system that is read-only
        if token.is_file() and token.stat().st_uid == os.getuid():
            token.chmod(0o600)


def ship_by_value(module: ModuleType) -> None:
    """Make Ray pickle a module's functions with their code: workers cannot import a recipe from a file."""
    from ray import cloudpickle

    if module.__name__.startswith("firelib_recipe_"):
        cloudpickle.register_pickle_by_value(module)


def require_cpus(wanted: float, what: str) -> None:
    """Refuse work that this Ray can never start, instead of waiting for ever."""
    import ray

    have = ray.cluster_resources().get("CPU", 0.0)
    if wanted > have:
        raise FirelibError(
            f"{what} needs {wanted:g} CPUs, this Ray has {have:g}",
            where="params.yaml: train.workers",
            remedy="fewer workers (WORKERS=, FIRELIB_WORKERS), smaller train.cpus_per_worker, or a larger cluster",
        )
    if wanted == have:
        note(f"{what} takes all {have:g} CPUs of this Ray")
