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


def worker(place: int) -> tuple[int, int]:
    import ray

    assert ray.get_runtime_context().get_task_id()  # None outside a task
    return place, os.getpid()


def test_results_keep_their_order_and_come_from_ray_workers() -> None:
    for _ in range(2):  # one process may compute more than once
        places, pids = zip(*compute([delayed(worker, place) for place in range(20)], "test"), strict=True)
        assert places == tuple(range(20))
        assert os.getpid() not in pids


def test_no_tasks_have_no_results() -> None:
    assert compute([], "test") == []


def fail_clearly(_: int) -> None:
    raise FirelibError("too hot", where="row 7", remedy="cool it")


def fail(_: int) -> None:
    raise ZeroDivisionError("seven by zero")


def test_an_error_for_people_arrives_as_it_was_raised() -> None:
    with pytest.raises(FirelibError) as caught:
        compute([delayed(worker, 0), delayed(fail_clearly, delayed(abs, -1))], "test")
    assert (caught.value.what, caught.value.where, caught.value.remedy) == ("too hot", "row 7", "cool it")


def test_another_error_is_told_in_one_line_and_its_trace_kept() -> None:
    with refused(what=["join", "ZeroDivisionError", "seven by zero"], where="Ray", remedy="--debug") as caught:
        compute([delayed(worker, 0), delayed(fail, 1)], "join")
    assert "\n" not in caught.value.what
    assert "in fail" in str(caught.value.__cause__)


def linger(folder: str, name: str) -> None:
    Path(folder, f"{name}.started").touch()
    time.sleep(0.5)
    Path(folder, f"{name}.ended").touch()


def test_no_task_still_runs_when_the_error_of_another_arrives(tmp_path: Path) -> None:
    """What they write into is about to be removed."""
    with refused(what="ZeroDivisionError"):
        compute([delayed(fail, 1), *(delayed(linger, str(tmp_path), str(number)) for number in range(3))], "test")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{number}.{state}" for number in range(3) for state in ("started", "ended")}
