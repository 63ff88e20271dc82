"""Prices and quotas of machines."""

import pytest

from firelib.gcp.machine_types import Gpu, Provisioning
from firelib.gcp.pricing import Price, price, quotas

T4 = Gpu("t4", 2)


def price_of(machine_type: str, gpu: Gpu | None, provisioning: Provisioning, count: int) -> Price:
    found = price(machine_type, gpu, provisioning, count)
    assert found is not None
    return found


def test_own_machines_have_no_price_and_no_quota() -> None:
    assert price(None, None, "on-demand", 3) is None
    assert quotas(None, None, "on-demand", 3, "compute") == {}


def test_replicas_and_attached_gpus_add_up() -> None:
    assert price_of("g2-standard-8", None, "on-demand", 1).hourly == pytest.approx(0.854)
    assert price_of("g2-standard-8", None, "on-demand", 3).hourly == pytest.approx(3 * 0.854)
    assert price_of("n1-standard-8", T4, "on-demand", 2).hourly == pytest.approx(2 * (0.38 + 2 * 0.35))


def test_built_in_gpus_are_part_of_the_price() -> None:
    built_in = price_of("g2-standard-8", Gpu("l4"), "on-demand", 1)
    assert built_in == price_of("g2-standard-8", None, "on-demand", 1)


def test_spot_is_cheaper_and_the_date_is_shown() -> None:
    spot = price_of("g2-standard-8", None, "spot", 1)
    assert spot.hourly == pytest.approx(0.4 * 0.854, abs=1e-3)
    assert str(spot) == f"about $0.34 an hour (list of {spot.as_of})"
    flex_start = price_of("g2-standard-8", None, "flex-start", 1)
    assert flex_start.hourly == price_of("g2-standard-8", None, "on-demand", 1).hourly


@pytest.mark.parametrize("machine_type", ["n9-standard-8", "a4-highgpu-8g"])
def test_unknown_prices_are_not_guessed(machine_type: str) -> None:
    assert price(machine_type, None, "on-demand", 1) is None


def test_the_quota_of_an_unknown_machine_type_is_not_guessed() -> None:
    assert quotas("n9-standard-8", None, "on-demand", 1, "training") == {}


def test_quotas_of_compute_engine() -> None:
    on_demand = quotas("n1-standard-8", T4, "on-demand", 3, "compute")
    assert on_demand == {"CPUS": 24, "NVIDIA_T4_GPUS": 6, "GPUS_ALL_REGIONS": 6}
    assert quotas("n1-standard-8", T4, "spot", 3, "compute") == {
        "PREEMPTIBLE_CPUS": 24,
        "PREEMPTIBLE_NVIDIA_T4_GPUS": 6,
        "GPUS_ALL_REGIONS": 6,
    }


def test_quotas_of_custom_training_are_separate() -> None:
    prefix = "aiplatform.googleapis.com/custom_model_training_"
    attached = quotas("n1-standard-8", T4, "on-demand", 1, "training")
    assert attached == {f"{prefix}cpus": 8, f"{prefix}nvidia_t4_gpus": 2}
    built_in = {f"{prefix}preemptible_nvidia_l4_gpus": 2}
    assert quotas("g2-standard-8", None, "spot", 2, "training") == built_in
    assert quotas("g2-standard-8", Gpu("l4"), "spot", 2, "training") == built_in
    assert quotas("n2-standard-8", None, "on-demand", 1, "training") == {f"{prefix}n2_cpus": 8}


def test_quota_of_h100_is_per_family() -> None:
    assert quotas("a3-highgpu-8g", None, "on-demand", 2, "compute") == {
        "GPUS-PER-GPU-FAMILY-per-project-region gpu_family=NVIDIA_H100": 16,
        "GPUS_ALL_REGIONS": 16,
    }
    assert quotas("a3-highgpu-1g", None, "spot", 1, "compute")["PREEMPTIBLE_NVIDIA_H100_GPUS"] == 1
