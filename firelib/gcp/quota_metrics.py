"""The quota metrics of Compute Engine that a machine counts against, from the catalog."""

from collections.abc import Mapping
from dataclasses import dataclass

from firelib.gcp.machine_catalog import parse_family, parse_gpu_kind, read_catalog


@dataclass(frozen=True)
class QuotaMetric:
    """A quota of Compute Engine.

    Attributes:
        name: Metric in Compute Engine's API; with dimensions, the quota's id in the Cloud Quotas API.
        family: Dimension and value, such as `("gpu_family", "NVIDIA_H100")`, of quotas that exist once per family.
    """

    name: str
    family: tuple[str, str] | None = None

    @property
    def dimensions(self) -> Mapping[str, str]:
        """The dimensions of the quota beside the region."""
        return dict([self.family]) if self.family else {}

    def __str__(self) -> str:
        return f"{self.name} {self.family[0]}={self.family[1]}" if self.family else self.name


#: All GPUs of a project count against this quota, too.
ALL_GPUS = QuotaMetric("GPUS_ALL_REGIONS")


def cpu_metrics(machine_type: str, spot: bool) -> tuple[QuotaMetric, ...]:
    """Return the quotas for a machine's cores; empty for machines of which only the GPUs count.

    Args:
        machine_type: Google's name.
        spot: Whether it is a Spot machine. Spot machines use the preemptible quota where the project has one, and
            otherwise the standard one.
    """
    family, catalog = parse_family(machine_type), read_catalog()["quota_metrics"]
    if family in catalog["gpus_only"]:
        return ()
    if family in catalog["cpus_per_vm_family"]:
        standard = QuotaMetric("CPUS-PER-VM-FAMILY-per-project-region", ("vm_family", family.upper()))
    else:
        standard = QuotaMetric(catalog["cpus"].get(family, "CPUS"))
    return (QuotaMetric("PREEMPTIBLE_CPUS"), standard) if spot else (standard,)


def gpu_metrics(accelerator: str, spot: bool) -> tuple[QuotaMetric, ...]:
    """Return the quotas for GPUs of one kind; one of them has to suffice.

    Args:
        accelerator: Compute Engine's name, such as `nvidia-tesla-t4`.
        spot: Whether the machine is a Spot machine.
    """
    catalog = read_catalog()["quota_metrics"]
    family = catalog["gpu_families"].get(accelerator)
    row = read_catalog()["gpus"].get(parse_gpu_kind(accelerator))
    has_regional = row and (not family or accelerator in catalog["regional_too"])
    regional = [QuotaMetric(row["compute_quota"])] if has_regional else []
    preemptible = [QuotaMetric(f"PREEMPTIBLE_{row['compute_quota']}")] if row and spot else []
    per_family = [QuotaMetric("GPUS-PER-GPU-FAMILY-per-project-region", ("gpu_family", family))] if family else []
    return (*preemptible, *regional, *per_family)


def disk_metric(disk_type: str) -> QuotaMetric:
    """Return the quota for the GiB of a disk.

    Args:
        disk_type: Google's name, such as `pd-balanced`.
    """
    return QuotaMetric(read_catalog()["disk_types"][disk_type])
