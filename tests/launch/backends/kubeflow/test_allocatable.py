"""What pods can request on Google's nodes, against the figures that GKE publishes."""

import pytest

from firelib.launch.backends.kubeflow.allocatable import (
    allocatable_cpus,
    allocatable_gib,
    find_size_problems,
    largest_pod,
)
from firelib.launch.job_spec import Resources


@pytest.mark.parametrize(("memory", "allocatable"), [(4, 2.90), (8, 6.10), (16, 13.30), (128, 118.58)])
def test_memory_follows_the_published_formula(memory, allocatable):
    assert allocatable_gib(memory) == pytest.approx(allocatable, abs=0.01)


@pytest.mark.parametrize(("vcpus", "allocatable"), [(1, 0.94), (2, 1.93), (4, 3.92), (8, 7.91), (96, 95.69)])
def test_cores_follow_the_published_formula(vcpus, allocatable):
    assert allocatable_cpus(vcpus) == pytest.approx(allocatable, abs=0.005)


@pytest.mark.parametrize("machine", ["e2-standard-4", "n1-standard-4", "g2-standard-4", "e2-standard-2"])
def test_small_machines_have_room_for_a_pod(machine):
    cpus, memory_gib = largest_pod(machine)
    assert list(find_size_problems(Resources(machine=machine, cpus=cpus, memory_gib=memory_gib))) == []
    [problem] = find_size_problems(Resources(machine=machine, cpus=cpus, memory_gib=memory_gib + 0.5))
    assert machine in problem
