import pytest

from firelib.train import progress_actor
from firelib.train.progress_actor import PHASES, ProgressBoard, ProgressSnapshot, WorkerIdentity


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

    monkeypatch.setattr(progress_actor.time, "monotonic", lambda: Clock.now)
    return Clock


def make_board(hang_seconds, world_size=1, start_seconds=300):
    return ProgressBoard(hang_seconds, world_size, start_seconds)


def worker(rank):
    return WorkerIdentity(rank, 100 + rank, "node", None)


def test_poll_returns_notes_once_and_the_latest_snapshot():
    board = make_board(10)
    board.add_note("hello")
    board.set_progress(ProgressSnapshot(1, 2, 3, 4, 5.0, 6.0))
    assert board.poll().notes == ["hello"]
    assert board.poll().notes == []
    assert board.poll().snapshot.step == 3


def test_heartbeat_returns_the_request_to_stop():
    board = make_board(10)
    assert not board.heartbeat(worker(0), 0)
    board.request_stop()
    assert board.heartbeat(worker(0), 0)


def test_silent_worker_is_lost_and_named(clock):
    board = make_board(10)
    for clock.now in range(25):
        board.heartbeat(worker(0), clock.now)
        if clock.now < 10:
            board.heartbeat(worker(1), clock.now)
        expected = clock.now > 19
        assert bool(board.poll().lost) == expected
    assert all(part in board.poll().lost for part in ("rank 1", "101", "node", "15 s"))


def test_workers_with_heartbeats_but_without_progress_hang(clock):
    board = make_board(1)
    for clock.now in range(20):
        for rank in (0, 1):
            board.heartbeat(worker(rank), min(clock.now, 5))
    assert "14 s" in board.poll().lost


def test_progress_of_one_worker_is_enough(clock):
    board = make_board(10)
    for clock.now in range(40):
        board.heartbeat(worker(0), 0)
        board.heartbeat(worker(1), clock.now)
    assert board.poll().lost is None


def test_finished_worker_is_not_lost(clock):
    board = make_board(10)
    board.heartbeat(worker(0), 0)
    board.deregister(0)
    clock.now = 100
    assert board.poll().lost is None


def test_workers_that_do_not_start_are_counted(clock):
    """A registered worker waits for its peers without heartbeats. It is not silent, but the start has a limit."""
    board = make_board(10, world_size=2, start_seconds=100)
    board.register(worker(0))
    clock.now = 99
    assert board.poll().lost is None
    clock.now = 101
    assert all(part in board.poll().lost for part in ("2 of 2 workers", "100 s"))
    assert len(board.poll().workers) == 1


def test_start_is_over_after_the_first_heartbeat_of_all_workers(clock):
    board = make_board(10, world_size=2, start_seconds=100)
    for clock.now in range(0, 300, 5):
        for rank in (0, 1):
            board.register(worker(rank))
            board.heartbeat(worker(rank), clock.now)
    assert board.poll().lost is None


def test_startup_names_the_earliest_phase():
    board = make_board(10, world_size=2)
    assert "0 of 2" in board.poll().startup
    board.set_phase(0, PHASES[0])
    assert "1 of 2" in board.poll().startup
    board.set_phase(1, PHASES[0])
    board.set_phase(0, PHASES[1])
    assert board.poll().startup == f"{PHASES[0]} on 1 of 2 workers"
    board.set_phase(1, PHASES[1])
    assert board.poll().startup == f"{PHASES[1]} on 2 of 2 workers"


def test_placement_groups_are_recorded_for_the_driver():
    board = make_board(10)
    board.add_placement_group("group")
    assert board.placement_groups() == ["group"]
