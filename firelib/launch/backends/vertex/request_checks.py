"""What Vertex AI's custom training would refuse, or accept and then fail after minutes in a queue."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from firelib.config.yaml_file import read_yaml_mapping
from firelib.errors import FirelibError
from firelib.gcp.bucket_locations import covers
from firelib.launch.backends.vertex.machine_rules import find_time_limit_problems
from firelib.launch.backends.vertex.pass_through import find_field_problems
from firelib.launch.backends.vertex.placements import find_placement_problems
from firelib.launch.backends.vertex.request import GRACE_SECONDS, JOB_LABEL, PLACEMENT_LABEL
from firelib.launch.backends.vertex.target import VertexTarget
from firelib.launch.job_spec import JobSpec

_DIGEST = re.compile(r"[^@\s]+/[^@\s]+@sha256:[0-9a-f]{64}")
_MIN_DISK_GIB, _MAX_DISK_GIB = 100, 64000
_MAX_LABELS = 62  # of 64; firelib adds two
_MAX_VARIABLES = 80  # of 100; the service and the bootstrap add theirs
_MODEL_STAGES = ("train", "run")
_RESUMABLE_STAGES = ("train", "tune", "run")
_REGION = re.compile(r"[a-z]+-[a-z]+\d+")
_NETWORK = re.compile(r"projects/([^/]+)/global/networks/[^/]+")


def find_vertex_problems(spec: JobSpec) -> Iterator[str]:
    """Yield every problem of a job that needs no network to be found."""
    target, _ = VertexTarget.parse_with_problems(spec.target)
    yield from find_field_problems(target.fields)
    yield from _find_resource_problems(target)
    yield from find_time_limit_problems(spec.replicas.provisioning, spec.timeout_seconds, GRACE_SECONDS)
    yield from find_placement_problems(spec, target)
    yield from _find_image_problems(spec.image)
    if not (spec.storage_root or "").startswith("gs://"):
        yield f"storage_root: expected a bucket, FIRELIB_STORAGE_ROOT=gs://…, got {spec.storage_root!r}"
    if target.bucket_region is not None:
        yield from find_bucket_problems(target.bucket_region.lower().split(","), spec)
    if target.register_model and spec.stage not in _MODEL_STAGES:
        yield f"target.register_model: firelib {spec.stage} makes no model: expected {' or '.join(_MODEL_STAGES)}"
    yield from _find_spot_problems(spec)
    yield from _find_limit_problems(spec)


def _find_image_problems(image: str | None) -> Iterator[str]:
    if image is None:
        yield "image is missing: make push REGISTRY=… prints it with its digest"
    elif not _DIGEST.fullmatch(image):
        yield f"image: expected REGISTRY/NAME@sha256:… (a tag can change its image), got {image!r}"


def _find_resource_problems(target: VertexTarget) -> Iterator[str]:
    """Yield what is wrong with regions and with the resources that a job uses."""
    for region in target.region:
        if not _REGION.fullmatch(region):
            yield f"target.region: expected a region such as europe-west4, not a zone, got {region!r}"
    network = _NETWORK.fullmatch(target.network or "")
    if network and not network[1].isdigit():
        number = f"gcloud projects describe {network[1]} --format='value(projectNumber)'"
        yield f"target.network: expected the number of the project, got its id {network[1]!r}: {number}"
    if target.tensorboard is None:
        return
    if not target.service_account:
        yield "target.tensorboard: needs target.service_account, the identity that writes to it"
    home = target.tensorboard.split("/")[3]
    for region in dict.fromkeys(target.region):
        if region != home:
            yield f"target.tensorboard: it is in {home!r}, and a job in {region!r} cannot write to it"


def find_bucket_problems(locations: Sequence[str], spec: JobSpec) -> Iterator[str]:
    """Yield why a bucket does not suit a job's regions: reading across regions is slow and billed.

    Args:
        locations: Region, dual-region or multi-region of the bucket; for a dual-region of the owner's choice, both
            regions.
        spec: The job.
    """
    for region in dict.fromkeys(VertexTarget.parse_with_problems(spec.target)[0].region):
        if not any(covers(location, region) for location in locations):
            where = ", ".join(locations)
            yield f"target.region: the bucket is in {where!r}, got {region!r}: every read would cross regions"


def _find_spot_problems(spec: JobSpec) -> Iterator[str]:
    if spec.replicas.provisioning != "spot":
        return
    if spec.stage not in _RESUMABLE_STAGES:
        yield f"replicas.provisioning: {spec.stage!r} saves no checkpoints, so a preemption would lose all its work"
    elif _saves_no_checkpoints(Path(spec.project, "params.yaml")):
        yield "replicas.provisioning: spot machines are preempted; set train.checkpoint.every_seconds or every_steps"
    if not spec.replicas.restarts:
        yield "replicas.restarts: spot machines are preempted: give --restarts 1 or more"


def _saves_no_checkpoints(params: Path) -> bool:
    """Return whether the project's parameters turn off checkpoints within an epoch."""
    try:
        raw = read_yaml_mapping(params, if_missing="", if_no_mapping="")
    except FirelibError:  # the stage reports it
        return False
    checkpoint = (raw.get("train") or {}).get("checkpoint") or {}
    return checkpoint.get("every_seconds", 60) is None and checkpoint.get("every_steps") is None


def _find_limit_problems(spec: JobSpec) -> Iterator[str]:
    if not _MIN_DISK_GIB <= spec.resources.disk_gib <= _MAX_DISK_GIB:
        yield f"resources.disk_gib: expected {_MIN_DISK_GIB} to {_MAX_DISK_GIB}, got {spec.resources.disk_gib}"
    if len(spec.labels) > _MAX_LABELS:
        yield f"labels: expected at most {_MAX_LABELS}, got {len(spec.labels)}"
    if len(spec.env) > _MAX_VARIABLES:
        yield f"env: expected at most {_MAX_VARIABLES} variables, got {len(spec.env)}"
    for label in sorted({JOB_LABEL, PLACEMENT_LABEL} & set(spec.labels)):
        yield f"labels.{label}: reserved for firelib"
