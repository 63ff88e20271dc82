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


def attachable(accelerator: str) -> Mapping[str, list[int]]:
    """Machine families that take this GPU → how many at a time; none where it comes with its machines."""
    row = table()["gpus"][gpu_kind_named(accelerator)]
    return {name: list(row["counts"]) for name in row.get("attach", ())}


def _plain(accelerator: str) -> str:
    return accelerator.lower().replace("_", "-")
