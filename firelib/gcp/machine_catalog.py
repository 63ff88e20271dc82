"""The catalog of Google Cloud's machine types and GPUs, and the rules for combining them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CATALOG = Path(__file__).with_suffix(".yaml")


@cache
def read_catalog() -> Mapping[str, Any]:
    """Return the catalog as its file states it."""
    raw: Mapping[str, Any] = yaml.safe_load(CATALOG.read_text(encoding="utf-8"))
    return raw


def parse_family(machine_type: str) -> str:
    """Return the family of a machine type: `n1` for `n1-standard-8`."""
    return machine_type.partition("-")[0]


def list_families() -> list[str]:
    """Return all machine families, including families without listed machine types."""
    return sorted((*read_catalog()["families"], *read_catalog()["other_families"]))


def list_gpu_families() -> set[str]:
    """Return the families whose machines have built-in GPUs."""
    return {parse_family(name) for name, (_, _, _, *gpu) in read_catalog()["machines"].items() if gpu}


def parse_gpu_kind(accelerator: str) -> str:
    """Return the catalog's name of a GPU.

    Args:
        accelerator: The name in Compute Engine (`nvidia-tesla-t4`), in Vertex AI (`NVIDIA_TESLA_T4`) or in the catalog.

    Returns:
        The catalog's name, such as `t4`; an accelerator that the catalog does not list is returned unchanged.
    """
    normalized = _normalize(accelerator)
    for name, row in read_catalog()["gpus"].items():
        if normalized in (name, _normalize(row["accelerator"])):
            return str(name)
    return accelerator


def list_accelerators() -> list[str]:
    """Return Compute Engine's names of all GPUs."""
    return [_normalize(row["accelerator"]) for row in read_catalog()["gpus"].values()]


def accepts_gpu(machine_type: str, gpu: str, count: int) -> bool:
    """Check whether a machine has these GPUs built in, or can have them attached.

    Args:
        machine_type: Google's name. For a machine type without a row in the catalog, its family decides.
        gpu: The catalog's name of the GPU.
        count: GPUs of one machine.
    """
    vcpus, memory, _, *built_in = read_catalog()["machines"].get(machine_type, (0, 0, 0))
    if built_in:
        return bool(built_in == [gpu, count])
    row = read_catalog()["gpus"][gpu]
    most_vcpus, most_memory = row.get("counts", {}).get(count, (-1, -1))
    return parse_family(machine_type) in row.get("attach", ()) and vcpus <= most_vcpus and memory <= most_memory


def explain_gpu_mismatch(machine_type: str, gpu: str, count: int) -> str | None:
    """Explain why a machine cannot have these GPUs.

    Args:
        machine_type: Google's name.
        gpu: The catalog's name of the GPU.
        count: GPUs of one machine.

    Returns:
        The reason, or None if the machine can have them.
    """
    if accepts_gpu(machine_type, gpu, count):
        return None
    vcpus, memory, _, *built_in = read_catalog()["machines"].get(machine_type, (0, 0, 0))
    row = read_catalog()["gpus"][gpu]
    if built_in:
        return f"{machine_type} has {built_in[1]} {built_in[0]} built in, got {count} {gpu}"
    if parse_family(machine_type) not in row.get("attach", ()):
        fitting = sorted(name for name in read_catalog()["machines"] if accepts_gpu(name, gpu, count))
        return f"{machine_type} does not support {count} {gpu}; machine types that do: {', '.join(fitting) or 'none'}"
    if count not in row["counts"]:
        return f"{gpu} can be attached in counts of {', '.join(map(str, row['counts']))}, got {count}"
    most_vcpus, most_memory = row["counts"][count]
    return (
        f"{count} {gpu} can be attached to at most {most_vcpus} vCPUs and {most_memory} GiB; "
        f"{machine_type} has {vcpus} vCPUs and {memory:g} GiB"
    )


def _normalize(accelerator: str) -> str:
    return accelerator.lower().replace("_", "-")
