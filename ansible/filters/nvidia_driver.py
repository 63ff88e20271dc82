"""The NVIDIA driver and kernel packages of a host, from firelib's table."""

from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleFilterError


class FilterModule:
    """Filters for playbooks."""

    def filters(self) -> dict[str, Any]:
        """Map the names of the filters to functions, as Ansible requires."""
        return {"nvidia_driver": choose, "kernel_packages": list_kernel_packages}


def choose(devices: list[str], distribution: str, release: str) -> dict[str, Any]:
    """Choose the driver for the GPUs of a host.

    Args:
        devices: PCI device ids as in /sys, such as `0x1eb8`.
        distribution: Ansible's name.
        release: Release of the distribution.

    Returns:
        The fields of `firelib.gcp.nvidia_driver.Driver`.

    Raises:
        AnsibleFilterError: The distribution's archive has no driver for these GPUs.
    """
    from firelib.errors import FirelibError
    from firelib.gcp.nvidia_driver import choose_driver

    try:
        return asdict(choose_driver([int(device, 16) for device in devices], distribution, release))
    except FirelibError as error:
        raise AnsibleFilterError(str(error)) from None


def list_kernel_packages(kernel: str) -> list[str]:
    """List the packages that depend on the newest kernel of the running kernel's flavor, and on its headers."""
    from firelib.gcp.nvidia_driver import kernel_packages

    return list(kernel_packages(kernel))
