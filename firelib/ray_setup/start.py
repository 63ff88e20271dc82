"""Start Ray inside this process."""

import logging
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from firelib.config import Environment
from firelib.ray_setup.lean_start import lean_start
from firelib.ray_setup.loopback import LOOPBACK, on_loopback
from firelib.ray_setup.loss import exit_after_loss, report_loss, watch_for_loss
from firelib.ray_setup.memory_budget import MemoryBudget, measure_budget, report_budget
from firelib.ray_setup.session_folder import choose_session_folder, temporary_folder
from firelib.ray_setup.sigterm import keep_sigterm_handler
from firelib.ray_setup.start_attempts import start_with_retries
from firelib.ray_setup.token import ray_token, token_file
from firelib.user_folders import is_writable

# After the loss of the GCS, all other processes of this Ray end within a few seconds instead of a minute: nothing
# restarts it on a single machine, and a connection on loopback is only lost if the other process has ended.
_QUICK_END = {"RAY_gcs_rpc_server_reconnect_timeout_s": "2"}

# Ray starts a process per core for the first tasks, and `ray.init` waits for them. Actors with environment variables of
# their own, as in training, cannot use them.
_NO_IDLE_WORKERS = {"RAY_prestart_worker_first_driver": "0"}

# Processes of 42 MiB each that spill objects, and as many that restore them; the default is 4.
_FEW_SPILL_WORKERS = {"RAY_max_io_workers": "1"}


@contextmanager
def embedded_ray(
    environment: Environment, debug: bool = False, exit_on_loss: bool = False, idle_workers: bool = True
) -> Iterator[None]:
    """Run Ray in this process and its children for the duration of the block.

    Args:
        environment: `num_cpus` limits Ray's cores; `expected_gpus` is the number of its GPUs, which Ray else counts.
        debug: Show the workers' output.
        exit_on_loss: Exit if the GCS or the raylet is lost, as a command does. Otherwise the loss is only reported: the
            process belongs to its caller (a notebook, pytest).
        idle_workers: Whether Ray starts processes for tasks before there are any.

    Raises:
        FirelibError: Ray does not start.
    """
    import ray

    variables = {**_QUICK_END, **_FEW_SPILL_WORKERS, **({} if idle_workers else _NO_IDLE_WORKERS)}
    _ensure_token()
    budget = measure_budget(environment.num_cpus)
    report_budget(budget)
    # Workers are killed at the end, so what they have in the temporary folder (W&B's socket and files) would be left.
    with choose_session_folder() as sessions, temporary_folder(tempfile.gettempdir()) as workers:
        variables["TMPDIR"] = workers
        start_with_retries(lambda: _start_embedded(environment, budget, debug, sessions, variables), Path(sessions))
        try:
            with watch_for_loss(exit_after_loss if exit_on_loss else report_loss):
                yield
        finally:
            ray.shutdown()


def _start_embedded(
    environment: Environment, budget: MemoryBudget, debug: bool, sessions: str, variables: Mapping[str, str]
) -> None:
    """Start Ray with its sessions in the given folder, and with environment variables for its processes."""
    import ray

    with (
        lean_start(log_monitor=debug),
        on_loopback(),
        keep_sigterm_handler(),
        _set_variables(variables),
    ):
        ray.init(
            address="local",
            num_cpus=environment.num_cpus,
            num_gpus=environment.expected_gpus,
            object_store_memory=budget.object_store,
            _memory=budget.tasks_bytes,
            include_dashboard=False,
            log_to_driver=debug,
            logging_level=logging.INFO if debug else logging.ERROR,
            _temp_dir=sessions,
            _node_ip_address=LOOPBACK,
        )


@contextmanager
def _set_variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables during the block. No other one is touched: a thread may import TensorFlow, which reads them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _ensure_token() -> None:
    """Generate a token in the environment if Ray cannot write the token file that it would generate."""
    path = token_file(os.environ, Path.home())
    if not ray_token(os.environ, Path.home()) and not is_writable(str(path)):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
