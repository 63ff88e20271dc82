"""Which boot disks a machine type takes."""

from firelib.gcp.machine_catalog import parse_family, read_catalog

_HYPERDISK = "hyperdisk-balanced"


def list_disk_types() -> list[str]:
    """Return Google's names of the disk types for boot disks."""
    return list(read_catalog()["disk_types"])


def default_disk_type(machine_type: str) -> str:
    """Return the disk type for machines whose cluster file names none.

    Args:
        machine_type: Google's name.
    """
    return _HYPERDISK if _needs_hyperdisk(machine_type) else list_disk_types()[0]


def explain_disk_mismatch(machine_type: str, disk_type: str) -> str | None:
    """Explain why a machine cannot boot from this disk type.

    Args:
        machine_type: Google's name.
        disk_type: Google's name.

    Returns:
        The reason, or None if it can.
    """
    if _needs_hyperdisk(machine_type) and disk_type != _HYPERDISK:
        return f"{machine_type} takes {_HYPERDISK} only, got {disk_type}"
    if disk_type == _HYPERDISK and parse_family(machine_type) in read_catalog()["no_hyperdisk"]:
        return f"{machine_type} does not take {disk_type}; disk types that it takes: pd-balanced, pd-ssd, pd-standard"
    return None


def _needs_hyperdisk(machine_type: str) -> bool:
    return any(machine_type.startswith(f"{prefix}-") for prefix in read_catalog()["hyperdisk_only"])
