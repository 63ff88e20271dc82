"""The one table of Google Cloud's machine types and GPUs, and what it says of which machine takes which GPU."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).with_suffix(".yaml")


@cache
def table() -> Mapping[str, Any]:
    """The whole table, as it stands in its file."""
    raw: Mapping[str, Any] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return raw


def family(machine_type: str) -> str:
    """The family of a machine type: `n1` of `n1-standard-8`."""
    return machine_type.partition("-")[0]


def families() -> list[str]:
    """All families that can be had, those without prices too."""
    others = table()["other_families"]
    return sorted((*table()["families"], *others["with_gpus"], *others["without"]))


def families_with_gpus() -> set[str]:
    """Families whose machines come with GPUs."""
    own = {family(name) for name, (_, _, _, *gpu) in table()["machines"].items() if gpu}
    return own | set(table()["other_families"]["with_gpus"])


def gpu_kind_named(accelerator: str) -> str:
    """Our name of a GPU by Google's, as Compute Engine (`nvidia-tesla-t4`) or Vertex AI (`NVIDIA_TESLA_T4`) has it.

    One that the table does not hold stays as it is.
    """
    plain = _plain(accelerator)
    for name, row in table()["gpus"].items():
        if plain in (name, _plain(row["accelerator"])):
            return str(name)
    return accelerator


def accelerators() -> list[str]:
    """Compute Engine's names of all GPUs."""
    return [_plain(row["accelerator"]) for row in table()["gpus"].values()]


def takes(machine_type: str, gpu: str, count: int) -> bool:
    """Whether a machine comes with so many GPUs of this kind, or can be given them."""
    vcpus, memory, _, *own = table()["machines"].get(machine_type, (0, 0, 0))
    if own:
        return bool(own == [gpu, count])
    row = table()["gpus"][gpu]
    most_vcpus, most_memory = row.get("counts", {}).get(count, (-1, -1))
    return family(machine_type) in row.get("attach", ()) and vcpus <= most_vcpus and memory <= most_memory


def wrong_gpu(machine_type: str, gpu: str, count: int) -> str | None:
    """Why a machine cannot have so many GPUs of this kind; None if it can."""
    if takes(machine_type, gpu, count):
        return None
    vcpus, memory, _, *own = table()["machines"].get(machine_type, (0, 0, 0))
    row = table()["gpus"][gpu]
    if own:
        return f"{machine_type} comes with {own[1]} {own[0]}, got {count} {gpu}"
    if family(machine_type) not in row.get("attach", ()):
        fitting = sorted(name for name in table()["machines"] if takes(name, gpu, count))
        return f"{machine_type} can take no {gpu}; these can: {', '.join(fitting) or 'none so many'}"
    if count not in row["counts"]:
        return f"{gpu} comes by {', '.join(map(str, row['counts']))}, got {count}"
    most_vcpus, most_memory = row["counts"][count]
    return f"{count} {gpu} allow {most_vcpus} vCPUs and {most_memory} GiB, {machine_type} has {vcpus} and {memory:g}"


def _plain(accelerator: str) -> str:
    return accelerator.lower().replace("_", "-")
