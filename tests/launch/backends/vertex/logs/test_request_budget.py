"""How often one job asks Cloud Logging."""

from firelib.launch.backends.vertex.logs.request_budget import MOST_REQUESTS, RequestBudget
from tests.launch.backends.vertex.logs.clock import Clock


def test_a_burst_is_allowed_then_the_window_counts():
    clock = Clock()
    budget = RequestBudget(clock, clock.sleep)
    times = []
    for _ in range(3 * MOST_REQUESTS):
        budget.spend()
        times.append(clock())
    assert times[:MOST_REQUESTS] == [0.0] * MOST_REQUESTS
    assert times[MOST_REQUESTS] == 60.0
    assert times[-1] == 120.0


def test_refusals_double_the_pause_until_an_answer():
    clock = Clock()
    budget = RequestBudget(clock, clock.sleep)
    pauses = []
    for _ in range(6):
        before = clock()
        budget.back_off()
        budget.spend()
        pauses.append(clock() - before)
    assert pauses == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    budget.reset()
    before = clock()
    budget.back_off()
    budget.spend()
    assert clock() - before == 5.0
