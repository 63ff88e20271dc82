"""Machines that meet a deadline, the cheapest first; or what would pass."""

import re
from dataclasses import replace

import pytest

from firelib.launch.client.capacity.request import CapacityRequest, parse_duration
from firelib.launch.client.capacity.search import find_fleets
from tests.errors import refused
from tests.launch.client.capacity.samples import FIGURES, WORK

HOUR = 3600.0


def found(**fields):
    return find_fleets(FIGURES, WORK, CapacityRequest(**{"rows": 10**8, **fields}))


def test_the_cheapest_fleets_of_each_type_come_first():
    listed = found(deadline=HOUR)
    assert [each.cost for each in listed] == sorted(each.cost for each in listed)
    assert all(each.seconds <= HOUR for each in listed)
    names = [each.fleet.machine.name for each in listed]
    assert len(set(names)) == len(names)


def test_the_plan_is_this():
    def shown(listed):
        return [(each.fleet.count, each.fleet.machine.name, each.workers, round(each.cost, 2)) for each in listed]

    assert shown(found()[:3]) == [
        (1, "e2-standard-2", 1, 0.05),
        (1, "e2-standard-4", 2, 0.07),
        (1, "e2-highmem-4", 2, 0.09),
    ]
    assert shown(found(deadline=1800)[:2]) == [(3, "e2-standard-4", 2, 0.2), (2, "e2-standard-8", 2, 0.26)]


def test_a_looser_deadline_never_costs_more():
    costs = [found(deadline=hours * HOUR, machine="n1-standard-4")[0].cost for hours in (0.6, 1, 2, 10)]
    assert costs == sorted(costs, reverse=True)


def test_a_fixed_machine_and_number_are_kept():
    [only] = found(machine="n1-standard-8", replicas=5)
    assert (only.fleet.machine.name, only.fleet.count) == ("n1-standard-8", 5)


def test_vertex_adds_its_fee_and_spot_its_discount():
    plain, vertex, spot = (
        found(machine="n1-standard-8", replicas=2, **more)[0]
        for more in ({}, {"to": "vertex"}, {"provisioning": "spot", "preemptions": 0.0})
    )
    assert vertex.cost / plain.cost == pytest.approx(1.15, rel=1e-3)
    assert spot.cost / plain.cost == pytest.approx(0.4, rel=1e-2)


def test_unknown_prices_come_last():
    [only] = found(machine="n4-standard-8")
    assert only.cost is None


def test_what_an_impossible_deadline_is_told_passes():
    with refused(what="10 min", remedy=["--deadline", "--rows"]) as caught:
        found(deadline=600.0, machine="n1-standard-8")
    remedy = caught.value.remedy
    deadline = parse_duration(re.search(r"--deadline (\S+?),", remedy)[1])
    assert found(deadline=deadline, machine="n1-standard-8")
    rows = int(re.search(r"--rows (\d+)", remedy)[1])
    assert 0 < rows < 10**8
    assert find_fleets(
        FIGURES, replace(WORK, rows=rows), CapacityRequest(rows=rows, deadline=600.0, machine="n1-standard-8")
    )


def test_a_larger_batch_that_would_pass_is_named():
    work, asked = replace(WORK, rows=1e9), CapacityRequest(rows=10**9, deadline=2 * HOUR, machine="n1-standard-8")
    with refused(remedy="train.global_batch_size") as caught:
        find_fleets(FIGURES, work, asked)
    batch = int(re.search(r"global_batch_size (\d+)", caught.value.remedy)[1])
    larger = replace(work, batch_rows=batch)
    assert find_fleets(FIGURES, larger, asked)


def test_a_deadline_below_the_start_names_no_rows():
    with refused(what="train") as caught:
        found(deadline=5.0, machine="n1-standard-8")
    assert "--rows" not in caught.value.remedy


@pytest.mark.parametrize("deadline", [None, 720 * HOUR])
@pytest.mark.parametrize(("rows", "preemptions"), [(10**13, 1.0), (10**10, 60.0)])
def test_work_that_never_ends_is_refused(deadline, rows, preemptions):
    asked = CapacityRequest(rows=rows, deadline=deadline, provisioning="spot", preemptions=preemptions)
    with refused(what=["never end", f"{preemptions:g} preemptions"], remedy="on-demand"):
        find_fleets(FIGURES, replace(WORK, rows=rows), asked)


def test_a_worker_that_fits_nowhere_is_refused():
    with refused(what="500", remedy="train.cpus_per_worker"):
        find_fleets(FIGURES, replace(WORK, cpus_per_worker=500), CapacityRequest(rows=10**8))
