"""Processes that are started ahead: real ones, since Ray matches them by a hash of a text that only C++ writes."""

import os
from typing import Any

import psutil
import pytest

from firelib.train.driver.prestart import RAY_TRAIN, prestart_workers
from tests.patience import wait_until

ENVIRONMENT = {"PRESTARTED": "yes"}


def prestarted() -> set[int]:
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if process.environ().get("PRESTARTED") == "yes":
                found.add(process.pid)
        except psutil.Error:
            continue
    return found


def is_idle(pid: int) -> bool:
    """Ray renames a worker's process when it has registered; only then can an actor take it."""
    return psutil.Process(pid).cmdline()[0].startswith("ray::")


@pytest.mark.usefixtures("ray_cluster")
def test_an_actor_of_the_controller_takes_a_process_that_was_started_ahead() -> None:
    import ray

    @ray.remote(num_cpus=0)
    class Worker:
        def pid(self) -> int:
            return os.getpid()

    @ray.remote(num_cpus=0, runtime_env={"env_vars": {"RAY_WARN_BLOCKING_GET_INSIDE_ASYNC": "0", **RAY_TRAIN}})
    class Controller:
        """Makes its actors as Ray Train's does: their environment is merged with its own."""

        def start(self) -> int:
            self.worker: Any = Worker.options(runtime_env={"env_vars": ENVIRONMENT}).remote()
            pid: int = ray.get(self.worker.pid.remote())
            return pid

    prestart_workers(ENVIRONMENT, 1)
    wait_until(prestarted, 60, "a process that was started ahead")
    ahead = prestarted()
    wait_until(lambda: all(is_idle(pid) for pid in ahead), 60, "that process is registered")
    controller: Any = Controller.remote()
    assert ray.get(controller.start.remote()) in ahead
    ray.kill(controller)


def test_ray_train_still_gives_its_controller_what_its_actors_inherit() -> None:
    """What the prestarted processes must have in common with the workers (Ray 2.60)."""
    from ray._common.constants import RAY_WARN_BLOCKING_GET_INSIDE_ASYNC_ENV_VAR
    from ray.train.v2._internal import constants

    assert RAY_WARN_BLOCKING_GET_INSIDE_ASYNC_ENV_VAR == "RAY_WARN_BLOCKING_GET_INSIDE_ASYNC"
    assert constants.DEFAULT_RAY_WARN_BLOCKING_GET_INSIDE_ASYNC_VALUE == "0"
    assert set(RAY_TRAIN) <= constants.ENV_VARS_TO_PROPAGATE
