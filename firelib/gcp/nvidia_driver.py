"""Which NVIDIA driver a host needs: one table of GPUs, one of drivers in the archives of distributions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from firelib.errors import FirelibError


@dataclass(frozen=True)
class Architecture:
    """GPUs with the same needs.

    Attributes:
        name: NVIDIA's name.
        first_device: Lowest PCI device id; the next architecture's is higher.
        oldest_branch: Oldest branch of the driver that supports all of them.
        open_modules: Whether the open kernel modules support them; `only` if no others do.
    """

    name: str
    first_device: int
    oldest_branch: int
    open_modules: str


@dataclass(frozen=True)
class Driver:
    """A driver in the archive of a distribution.

    Attributes:
        distribution: Ansible's name.
        releases: Releases whose archive has it.
        branch: NVIDIA's branch.
        is_open: Whether its kernel modules are the open ones.
        packages: Packages to install, beside the kernel's headers.
    """

    distribution: str
    releases: tuple[str, ...]
    branch: int
    is_open: bool
    packages: tuple[str, ...]


# From the PCI ID database and NVIDIA's driver documentation.
ARCHITECTURES = (
    Architecture("Maxwell, Pascal or Volta", 0x1340, 535, "no"),
    Architecture("Turing, Ampere, Ada or Hopper", 0x1E00, 535, "yes"),
    Architecture("Blackwell", 0x2900, 570, "only"),
)
# Most wanted first: the branch that the distribution maintains for servers.
DRIVERS = (
    Driver("Debian", ("12",), 535, False, ("nvidia-driver", "nvidia-smi", "firmware-misc-nonfree")),
    Driver("Debian", ("13",), 550, False, ("nvidia-driver", "nvidia-smi", "firmware-misc-nonfree")),
    Driver("Ubuntu", ("22.04", "24.04"), 550, False, ("ubuntu-drivers-common", "nvidia-driver-550-server")),
    Driver("Ubuntu", ("22.04", "24.04"), 570, True, ("ubuntu-drivers-common", "nvidia-driver-570-server-open")),
)


def find_architecture(device: int) -> Architecture:
    """Return the architecture of a GPU.

    Args:
        device: PCI device id, such as 0x1eb8 of a T4. Ids below the table's count as its first row.
    """
    older = [row for row in ARCHITECTURES if row.first_device <= device]
    return older[-1] if older else ARCHITECTURES[0]


def choose_driver(devices: Sequence[int], distribution: str, release: str) -> Driver:
    """Choose the driver for all GPUs of a host.

    Args:
        devices: PCI device ids of its GPUs.
        distribution: `Debian` or `Ubuntu`.
        release: Such as `12` or `24.04`.

    Raises:
        FirelibError: The distribution's archive has no driver for these GPUs.

    Example:
        >>> choose_driver([0x1EB8], "Debian", "12").branch
        535
    """
    architectures = {find_architecture(device) for device in devices}
    offered = [row for row in DRIVERS if row.distribution == distribution and release in row.releases]
    fitting = [row for row in offered if all(_supports(row, architecture) for architecture in architectures)]
    if fitting:
        return fitting[0]
    needs = "; ".join(sorted(_describe_need(row) for row in architectures))
    raise FirelibError(
        f"the archive of {distribution} {release} has no NVIDIA driver for these GPUs: {needs}",
        where=", ".join(f"PCI device 10de:{device:04x}" for device in devices),
        remedy="use Ubuntu 24.04, on Google Cloud with "
        "`image: projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64`",
    )


def kernel_packages(kernel: str) -> tuple[str, str]:
    """Return the packages that depend on the newest kernel of the running kernel's flavor, and on its headers.

    The headers of an older kernel leave the archive when a newer one arrives.

    Args:
        kernel: Release of the running kernel, such as `6.1.0-28-cloud-amd64` or `6.8.0-1020-gcp`.
    """
    flavor = re.sub(r"^[\d.]+(\+\w+)?-(\d+-)?", "", kernel)
    return f"linux-image-{flavor}", f"linux-headers-{flavor}"


def _supports(driver: Driver, architecture: Architecture) -> bool:
    modules = {"no": not driver.is_open, "yes": True, "only": driver.is_open}[architecture.open_modules]
    return driver.branch >= architecture.oldest_branch and modules


def _describe_need(architecture: Architecture) -> str:
    modules = {"no": " with NVIDIA's own modules", "yes": "", "only": " with open modules"}[architecture.open_modules]
    return f"{architecture.name} needs branch {architecture.oldest_branch} or later{modules}"
