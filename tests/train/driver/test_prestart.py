"""Prestarted processes: real ones, because Ray matches them by the hash of a text that only its C++ code writes."""

import os
from typing import Any

import psutil
import pytest

from firelib.train.driver.prestart import RAY_TRAIN, prestart_workers
from tests.patience import wait_until

ENVIRONMENT = {"PRESTARTED": "yes"}


def find_prestarted() -> set[int]:
    pids = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if process.environ().get("PRESTARTED") == "yes":
                pids.add(process.pid)
        except psutil.Error:
            continue
    return pids


def is_idle(pid: int) -> bool:
    """Ray renames a worker's process once it is registered. Only then can an actor take it."""
    return psutil.Process(pid).cmdline()[0].startswith("ray::")


@pytest.mark.usefixtures("ray_cluster")
def test_actor_of_the_controller_takes_a_prestarted_process() -> None:
    import ray

    @ray.remote(num_cpus=0)
    class Worker:
        def pid(self) -> int:
            return os.getpid()

    @ray.remote(num_cpus=0, runtime_env={"env_vars": {"RAY_WARN_BLOCKING_GET_INSIDE_ASYNC": "0", **RAY_TRAIN}})
    class Controller:
        """Creates its actors like Ray Train's controller: Ray merges their environment with its own."""

        def start(self) -> int:
            self.worker: Any = Worker.options(runtime_env={"env_vars": ENVIRONMENT}).remote()
            pid: int = ray.get(self.worker.pid.remote())
            return pid

    prestart_workers(ENVIRONMENT, 1)
    wait_until(find_prestarted, 60, "a prestarted process")
    prestarted = find_prestarted()
    wait_until(lambda: all(is_idle(pid) for pid in prestarted), 60, "the process is registered")
    controller: Any = Controller.remote()
    assert ray.get(controller.start.remote()) in prestarted
    ray.kill(controller)


def test_ray_train_still_sets_the_variables_that_actors_inherit() -> None:
    """The variables that prestarted processes must share with the workers (Ray 2.60)."""
    from ray._common.constants import RAY_WARN_BLOCKING_GET_INSIDE_ASYNC_ENV_VAR
    from ray.train.v2._internal import constants

    assert RAY_WARN_BLOCKING_GET_INSIDE_ASYNC_ENV_VAR == "RAY_WARN_BLOCKING_GET_INSIDE_ASYNC"
    assert constants.DEFAULT_RAY_WARN_BLOCKING_GET_INSIDE_ASYNC_VALUE == "0"
    assert set(RAY_TRAIN) <= constants.ENV_VARS_TO_PROPAGATE
