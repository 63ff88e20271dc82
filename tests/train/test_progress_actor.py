import pytest

from firelib.train import progress_actor
from firelib.train.progress_actor import Board, Place, Standing


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

    monkeypatch.setattr(progress_actor.time, "monotonic", lambda: Clock.now)
    return Clock


def board_of(hang_seconds, workers=1, start_seconds=300):
    return Board(hang_seconds, workers, start_seconds)


def place(rank):
    return Place(rank, 100 + rank, "host", None)


def test_news_are_told_once():
    board = board_of(10)
    board.say("hello")
    board.put(Standing(1, 2, 3, 4, 5.0, 6.0))
    assert board.news().notes == ["hello"]
    assert board.news().notes == []
    assert board.news().standing.step == 3


def test_worker_hears_of_the_wish_to_stop():
    board = board_of(10)
    assert not board.beat(place(0), 0)
    board.stop()
    assert board.beat(place(0), 0)


def test_silent_worker_is_named(clock):
    board = board_of(10)
    for clock.now in range(25):
        board.beat(place(0), clock.now)
        if clock.now < 10:
            board.beat(place(1), clock.now)
        expected = clock.now > 19
        assert bool(board.news().hang) == expected
    assert all(part in board.news().hang for part in ("rank 1", "101", "host", "15 s"))


def test_workers_that_live_but_do_not_move_are_a_hang(clock):
    board = board_of(1)
    for clock.now in range(20):
        for rank in (0, 1):
            board.beat(place(rank), min(clock.now, 5))
    assert "14 s" in board.news().hang


def test_one_that_moves_is_enough(clock):
    board = board_of(10)
    for clock.now in range(40):
        board.beat(place(0), 0)
        board.beat(place(1), clock.now)
    assert board.news().hang is None


def test_worker_that_has_ended_is_not_missed(clock):
    board = board_of(10)
    board.beat(place(0), 0)
    board.leave(0)
    clock.now = 100
    assert board.news().hang is None


def test_workers_that_do_not_come_up_are_counted(clock):
    """A worker waits for the others without a beat: that is no silence, but it has an end."""
    board = board_of(10, workers=2, start_seconds=100)
    board.arrive(place(0))
    clock.now = 99
    assert board.news().hang is None
    clock.now = 101
    assert all(part in board.news().hang for part in ("2 of 2 workers", "100 s"))
    assert len(board.news().workers) == 1


def test_start_is_over_when_all_have_beaten(clock):
    board = board_of(10, workers=2, start_seconds=100)
    for clock.now in range(0, 300, 5):
        for rank in (0, 1):
            board.arrive(place(rank))
            board.beat(place(rank), clock.now)
    assert board.news().hang is None


def test_start_says_the_earliest_phase_that_a_worker_is_in():
    board = board_of(10, workers=2)
    assert "0 of 2" in board.news().waiting
    board.phase(0, progress_actor.PHASES[0])
    assert "1 of 2" in board.news().waiting
    board.phase(1, progress_actor.PHASES[0])
    board.phase(0, progress_actor.PHASES[1])
    assert board.news().waiting == f"{progress_actor.PHASES[0]} on 1 of 2 workers"
    board.phase(1, progress_actor.PHASES[1])
    assert board.news().waiting == f"{progress_actor.PHASES[1]} on 2 of 2 workers"


def test_placement_groups_are_kept_for_the_driver():
    board = board_of(10)
    board.hold("group")
    assert board.held() == ["group"]
