"""Prices and quotas of a job's machines."""

import pytest

from firelib.gcp.pricing import price, quotas
from firelib.launch.job_spec import Gpu, Replicas, Resources

L4 = Resources(machine="g2-standard-8")
T4 = Resources(machine="n1-standard-8", gpu=Gpu("t4", 2))


def test_own_machines_cost_nothing_here():
    assert price(Resources(), Replicas(3)) is None
    assert quotas(Resources(), Replicas(3), "compute") == {}


def test_replicas_and_attached_gpus_add_up():
    assert price(L4, Replicas(1)).hourly == pytest.approx(0.854)
    assert price(L4, Replicas(3)).hourly == pytest.approx(3 * 0.854)
    assert price(T4, Replicas(2)).hourly == pytest.approx(2 * (0.38 + 2 * 0.35))


def test_spot_is_cheaper_and_the_date_is_said():
    spot = price(L4, Replicas(1, "spot"))
    assert spot.hourly == pytest.approx(0.4 * 0.854, abs=1e-3)
    assert str(spot) == f"about $0.34 an hour (list of {spot.as_of})"
    assert price(L4, Replicas(1, "flex-start")).hourly == price(L4, Replicas(1)).hourly


def test_quotas_of_own_machines():
    assert quotas(T4, Replicas(3), "compute") == {"CPUS": 24, "NVIDIA_T4_GPUS": 6, "GPUS_ALL_REGIONS": 6}
    assert quotas(T4, Replicas(3, "spot"), "compute") == {
        "PREEMPTIBLE_CPUS": 24,
        "PREEMPTIBLE_NVIDIA_T4_GPUS": 6,
        "GPUS_ALL_REGIONS": 6,
    }


def test_quotas_of_custom_training_are_others():
    start = "aiplatform.googleapis.com/custom_model_training_"
    assert quotas(T4, Replicas(1), "training") == {f"{start}cpus": 8, f"{start}nvidia_t4_gpus": 2}
    assert quotas(L4, Replicas(2, "spot"), "training") == {f"{start}preemptible_nvidia_l4_gpus": 2}
    assert quotas(Resources(machine="n2-standard-8"), Replicas(1), "training") == {f"{start}n2_cpus": 8}
