import os
import time
from pathlib import Path
from typing import Any

import dask
import pytest

from firelib.data.dask_on_ray import compute
from firelib.errors import FirelibError
from tests.errors import refused

pytestmark = pytest.mark.usefixtures("ray_cluster")


def delayed(function: Any, *arguments: Any) -> Any:
    return dask.delayed(function, pure=False)(*arguments)


def run_in_worker(index: int) -> tuple[int, int]:
    import ray

    assert ray.get_runtime_context().get_task_id()  # None outside a task
    return index, os.getpid()


def test_results_keep_their_order_and_come_from_ray_workers() -> None:
    for _ in range(2):  # one process may compute more than once
        indices, pids = zip(*compute([delayed(run_in_worker, index) for index in range(20)], "test"), strict=True)
        assert indices == tuple(range(20))
        assert os.getpid() not in pids


def test_no_tasks_have_no_results() -> None:
    assert compute([], "test") == []


def fail_clearly(_: int) -> None:
    raise FirelibError("too hot", where="row 7", remedy="cool it")


def fail(_: int) -> None:
    raise ZeroDivisionError("seven by zero")


def test_a_firelib_error_is_raised_unchanged() -> None:
    with pytest.raises(FirelibError) as caught:
        compute([delayed(run_in_worker, 0), delayed(fail_clearly, delayed(abs, -1))], "test")
    assert (caught.value.what, caught.value.where, caught.value.remedy) == ("too hot", "row 7", "cool it")


def test_another_error_is_one_line_with_its_traceback_as_cause() -> None:
    with refused(what=["join", "ZeroDivisionError", "seven by zero"], where="Ray", remedy="--debug") as caught:
        compute([delayed(run_in_worker, 0), delayed(fail, 1)], "join")
    assert "\n" not in caught.value.what
    assert "in fail" in str(caught.value.__cause__)


def linger(folder: str, name: str) -> None:
    Path(folder, f"{name}.started").touch()
    time.sleep(0.5)
    Path(folder, f"{name}.ended").touch()


def test_all_tasks_have_ended_when_an_error_is_raised(tmp_path: Path) -> None:
    """The caller then removes the folder that the tasks write into."""
    with refused(what="ZeroDivisionError"):
        compute([delayed(fail, 1), *(delayed(linger, str(tmp_path), str(number)) for number in range(3))], "test")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{number}.{state}" for number in range(3) for state in ("started", "ended")}
