"""The driver's branch and modules by GPU and distribution."""

import pytest

from firelib.gcp.nvidia_driver import ARCHITECTURES, choose_driver, find_architecture, kernel_packages
from tests.errors import refused

P100, V100, T4, A100, L4, H100, H200, B200, RTX_PRO = (
    0x15F8,
    0x1DB1,
    0x1EB8,
    0x20B0,
    0x27B8,
    0x2330,
    0x2335,
    0x2901,
    0x2BB5,
)


@pytest.mark.parametrize(
    ("device", "name"),
    [(P100, "Pascal"), (V100, "Volta"), (T4, "Turing"), (A100, "Ampere"), (L4, "Ada"), (H100, "Hopper")],
)
def test_architecture_of_a_device(device: int, name: str) -> None:
    assert name in find_architecture(device).name


def test_the_table_is_in_order() -> None:
    firsts = [row.first_device for row in ARCHITECTURES]
    assert firsts == sorted(firsts)


@pytest.mark.parametrize("device", [P100, V100, T4, A100, L4, H100, H200])
@pytest.mark.parametrize(
    ("distribution", "release", "branch"),
    [("Debian", "12", 535), ("Debian", "13", 550), ("Ubuntu", "22.04", 550), ("Ubuntu", "24.04", 550)],
)
def test_older_gpus_get_the_distributions_branch(device: int, distribution: str, release: str, branch: int) -> None:
    driver = choose_driver([device], distribution, release)
    assert (driver.branch, driver.is_open) == (branch, False)


@pytest.mark.parametrize("device", [B200, RTX_PRO])
def test_blackwell_gets_open_modules_of_branch_570(device: int) -> None:
    driver = choose_driver([device, device], "Ubuntu", "24.04")
    assert (driver.branch, driver.is_open) == (570, True)
    assert "nvidia-driver-570-server-open" in driver.packages


@pytest.mark.parametrize(
    ("devices", "distribution", "release", "named"),
    [
        ([B200], "Debian", "12", ("Debian 12", "Blackwell", 570, "open")),
        ([RTX_PRO], "Debian", "13", ("Debian 13", "Blackwell", 570, "open")),
        ([V100, B200], "Ubuntu", "24.04", ("Blackwell", "Volta")),  # no modules support both
        ([T4], "Ubuntu", "20.04", ("Ubuntu 20.04", "Turing")),
    ],
)
def test_gpus_without_a_driver_are_refused(
    devices: list[int], distribution: str, release: str, named: tuple[str | int, ...]
) -> None:
    with refused(what=[named], where=f"10de:{devices[0]:04x}", remedy="ubuntu-2404-lts-amd64"):
        choose_driver(devices, distribution, release)


@pytest.mark.parametrize(
    ("kernel", "flavor"),
    [
        ("6.1.0-28-cloud-amd64", "cloud-amd64"),
        ("6.1.0-49-amd64", "amd64"),
        ("6.12.57+deb13-cloud-amd64", "cloud-amd64"),
        ("6.12.9+bpo-amd64", "amd64"),
        ("6.8.0-1020-gcp", "gcp"),
        ("6.8.0-51-generic", "generic"),
    ],
)
def test_packages_of_the_newest_kernel(kernel: str, flavor: str) -> None:
    assert kernel_packages(kernel) == (f"linux-image-{flavor}", f"linux-headers-{flavor}")
