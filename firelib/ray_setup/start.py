"""Start Ray inside this process."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib.config import Environment
from firelib.ray_setup.lean_start import lean_start
from firelib.ray_setup.object_store import choose_object_store_bytes
from firelib.ray_setup.session_folder import choose_session_folder, ray_temp_dir
from firelib.ray_setup.start_attempts import start_with_retries
from firelib.ray_setup.token import ray_token, token_file
from firelib.user_folders import is_writable


@contextmanager
def embedded_ray(environment: Environment, debug: bool = False) -> Iterator[None]:
    """Run Ray in this process and its children for the duration of the block.

    Args:
        environment: `num_cpus` limits Ray's cores.
        debug: Show the workers' output.

    Raises:
        FirelibError: Ray does not start.
    """
    import ray

    _ensure_token()
    with choose_session_folder() as temp_dir:
        start_with_retries(lambda: _start_embedded(environment, debug, temp_dir), Path(temp_dir or ray_temp_dir()))
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
            object_store_memory=choose_object_store_bytes(),
            include_dashboard=False,
            log_to_driver=debug,
            logging_level=logging.INFO if debug else logging.ERROR,
            _temp_dir=temp_dir,
        )


def _ensure_token() -> None:
    """Generate a token in the environment if Ray cannot write the token file that it would generate."""
    path = token_file(os.environ, Path.home())
    if not ray_token(os.environ, Path.home()) and not is_writable(str(path)):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
