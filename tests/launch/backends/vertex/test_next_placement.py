"""A job that finds no machines, or loses them: where it is tried again, and how it ends."""

from datetime import timedelta

import pytest

from firelib.launch.backends.vertex.client import CapacityError
from firelib.launch.client.submit_and_wait import send
from firelib.launch.job_spec import Replicas
from tests.errors import refused
from tests.launch.backends.vertex.played import (
    DONE,
    LOST_SPOT,
    NO_QUOTA,
    PENDING,
    PREEMPTED,
    QUEUED,
    RUNNING,
    STOCK_OUT,
    VERTEX,
    ended,
    regions_of,
    spec_for,
)


def test_without_quota_the_next_placement_is_tried(service, tmp_path):
    service.refusals["europe-west4"] = [NO_QUOTA]
    record = send("vertex", spec_for(service, tmp_path))
    assert regions_of(service) == ["us-central1"]
    assert ended(record)[0].state == "succeeded"


def test_without_quota_anywhere_the_metric_is_named(service, tmp_path):
    service.refusals |= {"europe-west4": [NO_QUOTA], "us-central1": [NO_QUOTA]}
    with refused(what="custom_model_training_nvidia_l4_gpus", remedy="--set region=A,B", kind=CapacityError):
        send("vertex", spec_for(service, tmp_path))


def test_after_a_stock_out_the_next_placement_is_tried(service, tmp_path):
    service.plays["europe-west4"] = [[PENDING, STOCK_OUT]]
    status, _ = ended(send("vertex", spec_for(service, tmp_path)))
    assert status.state == "succeeded"
    assert regions_of(service) == ["europe-west4", "us-central1"]


def test_stock_outs_everywhere_fail_the_job(service, tmp_path):
    service.plays |= {"europe-west4": [[STOCK_OUT]], "us-central1": [[PENDING, STOCK_OUT]]}
    record = send("vertex", spec_for(service, tmp_path))
    for _ in range(2):  # asked twice, it says the same
        status, _ = ended(record)
        assert status.state == "failed"
        assert status.message.startswith("stock-out: Resources are insufficient")
    assert len(service.jobs) == 2


def test_other_machine_types_are_tried_in_the_same_region(service, tmp_path):
    service.plays["europe-west4"] = [[STOCK_OUT], [RUNNING, DONE]]
    target = {"project": "my-lab", "region": "europe-west4", "machines": "n1-standard-8+t4", "endpoint": service.url}
    assert ended(send("vertex", spec_for(service, tmp_path, target=target)))[0].state == "succeeded"
    pools = [kept["jobSpec"]["workerPoolSpecs"][0]["machineSpec"] for kept in service.jobs.values()]
    assert [pool["machineType"] for pool in pools] == ["g2-standard-8", "n1-standard-8"]


def test_a_preempted_job_is_resumed(service, tmp_path):
    service.plays["europe-west4"] = [[RUNNING, PENDING, RUNNING, DONE]]
    status, _ = ended(send("vertex", spec_for(service, tmp_path, replicas=Replicas(2, "spot", 1))))
    assert status.state == "succeeded"
    assert len(service.jobs) == 1


def test_preempted_for_good_is_resumable(service, tmp_path):
    service.plays["europe-west4"] = [[RUNNING, PREEMPTED]]
    record = send("vertex", spec_for(service, tmp_path, "europe-west4", replicas=Replicas(1, "spot", 1)))
    status, _ = ended(record)
    assert (status.state, status.code) == ("failed", 75)


def spot(service, tmp_path, restarts, regions="europe-west4,us-central1"):
    return spec_for(service, tmp_path, regions, replicas=Replicas(2, "spot", restarts))


def test_a_stock_out_of_a_job_that_has_run_is_a_lost_spot_machine(service, tmp_path):
    """It resumes where it ran: the machines fit there, and the bucket is near."""
    service.plays["europe-west4"] = [[RUNNING, LOST_SPOT], [PENDING, RUNNING, DONE]]
    status, log = ended(send("vertex", spot(service, tmp_path, 1)))
    assert (status.state, status.exit_code) == ("succeeded", 0)
    assert regions_of(service) == ["europe-west4", "europe-west4"]
    assert "customJobs/1000" in log
    assert "customJobs/1001" in log


@pytest.mark.parametrize(("restarts", "state", "code"), [(3, "succeeded", 0), (2, "failed", 75)])
def test_a_job_that_is_lost_three_times(service, tmp_path, restarts, state, code):
    service.plays["europe-west4"] = [[RUNNING, LOST_SPOT]] * 3 + [[RUNNING, DONE]]
    record = send("vertex", spot(service, tmp_path, restarts))
    for _ in range(2):  # asked twice, it says the same
        status, _ = ended(record)
        assert (status.state, status.code) == (state, code)
    assert regions_of(service) == ["europe-west4"] * (restarts + 1)


def test_after_a_loss_the_next_placement_is_tried_if_there_are_no_machines(service, tmp_path):
    service.plays["europe-west4"] = [[RUNNING, LOST_SPOT], [PENDING, LOST_SPOT]]
    status, _ = ended(send("vertex", spot(service, tmp_path, 1)))
    assert status.state == "succeeded"
    assert regions_of(service) == ["europe-west4", "europe-west4", "us-central1"]


@pytest.mark.parametrize("refusals", [[], [NO_QUOTA]])
def test_a_job_that_has_run_is_resumable_when_there_are_no_machines_left(service, tmp_path, refusals):
    service.plays |= {"europe-west4": [[RUNNING, LOST_SPOT], [PENDING, STOCK_OUT]], "us-central1": [[STOCK_OUT]]}
    service.refusals["us-central1"] = refusals
    status, _ = ended(send("vertex", spot(service, tmp_path, 1)))
    assert (status.state, status.code) == ("failed", 75)


def test_a_job_leaves_a_queue_that_is_too_slow(service, tmp_path):
    service.plays |= {"europe-west4": [[QUEUED] * 50], "us-central1": [[QUEUED] * 50]}
    service.age = timedelta(seconds=61)
    record = send("vertex", spec_for(service, tmp_path, queue_seconds=60))
    status, _ = ended(record)
    assert (status.state, regions_of(service)) == ("failed", ["europe-west4", "us-central1"])
    assert "--queue-timeout" in status.message
    assert service.running() == []


def test_a_job_waits_within_its_queue_limit(service, tmp_path):
    service.plays["europe-west4"] = [[QUEUED, QUEUED, RUNNING, DONE]]
    status, _ = ended(send("vertex", spec_for(service, tmp_path, queue_seconds=600)))
    assert (status.state, len(service.jobs)) == ("succeeded", 1)


def test_a_job_fails_if_the_remaining_placements_have_no_quota(service, tmp_path):
    service.plays["europe-west4"] = [[STOCK_OUT]]
    service.refusals["us-central1"] = [NO_QUOTA]
    record = send("vertex", spec_for(service, tmp_path))
    status, _ = ended(record)
    assert status.state == "failed"
    assert "custom_model_training_nvidia_l4_gpus" in status.message
    assert VERTEX.status(VERTEX.advance(record)) == status
    assert regions_of(service) == ["europe-west4"]
