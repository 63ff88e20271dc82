"""Workers that never start: the attempt ends with an error that names them."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.own_process import run_module
from tests.train.toy import UNTRACKED, Toy, toy_params, write_toy


class Stuck(Toy):
    """Hangs when it is unpickled, like a worker whose disk does not respond."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        time.sleep(600)


@pytest.mark.integration
@pytest.mark.slow
def test_workers_that_never_start_are_an_error(tmp_path):
    """In a process of its own, because a hanging worker keeps its slot."""
    done = run_module(__name__, tmp_path, seconds=300)
    assert all(part in done.stderr for part in ("2 of 2 workers", "15 s", "FirelibError"))
    assert done.returncode == 1


def _start(folder: Path) -> None:
    import ray

    from firelib.train.driver.train_stage import train

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    recipe = Stuck()
    recipe.kept = True  # `__setstate__` is called only if there is a state
    train(recipe, toy_params(train={"start_seconds": 15}), UNTRACKED, write_toy(folder))


if __name__ == "__main__":
    _start(Path(sys.argv[1]))
