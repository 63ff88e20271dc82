"""What Ray's trace becomes."""

import pytest

from firelib.stage_records.ray_activity import shorten_name, summarize_tasks

SINCE = 1_800_000_000.0


def event(category: str, start: float, seconds: float, node: str = "10.0.0.1", worker: str = "abcdef0123") -> dict:
    times = {"ts": (SINCE + start) * 1e6, "dur": seconds * 1e6}
    return {"cat": category, "pid": node, "tid": f"worker:{worker}", **times}


def test_tasks_of_a_trace() -> None:
    events = [
        event("task::read", 1, 2),
        event("task::read", 2, 3, "10.0.0.2"),
        event("task::write", 0.5, 0.25),
        event("task:execute", 1, 2),  # a part of a task
        event("task::read", -5, 1),  # of an earlier stage
    ]
    totals, tasks = summarize_tasks(events, SINCE)
    assert [(total.name, total.tasks, total.nodes, total.seconds) for total in totals] == [
        ("read", 2, 2, 5.0),
        ("write", 1, 1, 0.25),
    ]
    assert [(task.name, task.node, task.worker, task.start) for task in tasks] == [
        ("write", "10.0.0.1", "abcdef01", 0.5),
        ("read", "10.0.0.1", "abcdef01", 1.0),
        ("read", "10.0.0.2", "abcdef01", 2.0),
    ]


def test_of_many_tasks_the_longest_are_kept_and_all_are_counted() -> None:
    totals, tasks = summarize_tasks([event("task::read", n, n) for n in range(1000)], SINCE)
    assert totals[0].tasks == 1000
    assert len(tasks) == 300
    assert min(task.seconds for task in tasks) == 700


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("dask:('read-parquet-0123456789abcdef0123456789abcdef', 3)", "read-parquet"),
        ("TrainController.run", "TrainController.run"),
        ("0123456789abcdef0123456789abcdef", "task"),
    ],
)
def test_equal_work_has_one_name(name: str, shown: str) -> None:
    assert shorten_name(name) == shown
