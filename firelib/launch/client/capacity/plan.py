"""The plan for a number of rows: machines, predictions and limits."""

from dataclasses import dataclass
from typing import Any

from firelib.config import Params
from firelib.errors import FirelibError
from firelib.gcp.machine_catalog import read_catalog
from firelib.launch.client.capacity.limits import list_limits
from firelib.launch.client.capacity.measured import build_figures, read_measured
from firelib.launch.client.capacity.model.estimate import Estimate
from firelib.launch.client.capacity.model.figures import Figures
from firelib.launch.client.capacity.model.workload import Workload
from firelib.launch.client.capacity.request import CapacityRequest
from firelib.launch.client.capacity.search import find_fleets
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import Manifest, read_manifest

_USUAL_SHARES = (0.8, 0.1)


@dataclass(frozen=True)
class CapacityPlan:
    """A plan.

    Attributes:
        request: The options.
        workload: The work.
        figures: What it is predicted from.
        found: Predictions, the cheapest first.
        limits: What is extrapolated, assumed and left out.
    """

    request: CapacityRequest
    workload: Workload
    figures: Figures
    found: list[Estimate]
    limits: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data: seconds, US dollars, GiB."""
        catalog = read_catalog()
        return {
            "rows": self.request.rows,
            "deadline_seconds": self.request.deadline,
            "provisioning": self.request.provisioning,
            "candidates": [_describe(each) for each in self.found],
            "measured": self.figures.origins,
            "limits": self.limits,
            "prices": {"source": catalog["source"], "as_of": str(catalog["as_of"])},
        }


def make_capacity_plan(request: CapacityRequest, params: Params, paths: Paths) -> CapacityPlan:
    """Make the plan of a project.

    Args:
        request: The options.
        params: Parameters of the project's recipe.
        paths: The recipe's files.

    Raises:
        FirelibError: No machines meet the deadline, or no worker fits into the machine.
    """
    manifest = _read_manifest(paths)
    figures = build_figures(
        read_measured(paths.project, paths.recipe),
        paths.recipe,
        manifest.split("train").block_rows if manifest else None,
    )
    workload = build_workload(request.rows, params, manifest)
    found = find_fleets(figures, workload, request)
    return CapacityPlan(request, workload, figures, found, list_limits(figures, workload, request, found))


def build_workload(rows: float, params: Params, manifest: Manifest | None) -> Workload:
    """Describe the work of a project for a number of rows.

    Args:
        rows: Rows of the dataset.
        params: Parameters of the recipe.
        manifest: The dataset, if there is one: its splits keep their shares.
    """
    train, shares = params.train, params.data.split.shares
    training, validation = shares.get("train", _USUAL_SHARES[0]), shares.get("validation", _USUAL_SHARES[1])
    if manifest:
        total = sum(split.rows for split in manifest.splits.values())
        training, validation = (manifest.split(name).rows / total for name in ("train", "validation"))
    return Workload(
        rows=rows,
        train_share=training,
        validation_share=validation,
        epochs=train.epochs,
        batch_rows=train.global_batch_size,
        cpus_per_worker=train.cpus_per_worker,
        checkpoint_seconds=train.checkpoint.every_seconds or float("inf"),
    )


def _describe(found: Estimate) -> dict[str, Any]:
    fleet = found.fleet
    return {
        "machine": fleet.machine.name,
        "count": fleet.count,
        "workers": found.workers,
        "seconds": round(found.seconds, 1),
        "cost": None if found.cost is None else round(found.cost, 2),
        "memory_gib": round(found.memory_gib, 1),
        "machine_memory_gib": fleet.machine.memory_gib,
        "stages": {
            stage.stage: {"seconds": round(stage.seconds, 1), "bottleneck": stage.bottleneck} for stage in found.stages
        },
    }


def _read_manifest(paths: Paths) -> Manifest | None:
    """The project's dataset, if there is one that can be read."""
    if not paths.manifest.is_file():
        return None
    try:
        return read_manifest(str(paths.manifest))
    except FirelibError:  # training will say what is wrong with it
        return None
