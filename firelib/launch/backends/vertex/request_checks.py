"""What Vertex AI's custom training would refuse, or take and then fail with after minutes of waiting."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from firelib.launch.backends.vertex.placements import of_places, places
from firelib.launch.job_spec import JobSpec

_DIGEST = re.compile(r"[^@\s]+/[^@\s]+@sha256:[0-9a-f]{64}")
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]|\d+")
_FORMS = {
    "service_account": re.compile(r"[^@\s]+@[^@\s]+\.gserviceaccount\.com"),
    "network": re.compile(r"projects/[^/]+/global/networks/[^/]+"),
    "tensorboard": re.compile(r"projects/[^/]+/locations/[^/]+/tensorboards/\d+"),
    "output": re.compile(r"gs://[^/]+(/.*)?"),
    "endpoint": re.compile(r"(https?://)?[^/\s]+"),
}
_EXAMPLES = {
    "service_account": "NAME@PROJECT.iam.gserviceaccount.com",
    "network": "projects/NUMBER/global/networks/NAME",
    "tensorboard": "projects/P/locations/REGION/tensorboards/NUMBER",
    "output": "gs://BUCKET/FOLDER",
    "endpoint": "REGION-aiplatform.googleapis.com",
}
_SMALLEST_DISK, _LARGEST_DISK = 100, 64000
_MOST_LABELS = 62  # of 64; two are ours
_MOST_VARIABLES = 80  # of 100; the service and the bootstrap have theirs
_GOES_ON = ("train", "tune", "run")
_MULTI_REGIONS = {"us": ("us-", "northamerica-"), "eu": ("europe-",), "asia": ("asia-",)}


def vertex_problems(spec: JobSpec) -> Iterator[str]:
    """Every reason; no network."""
    yield from _of_target(spec.target)
    yield from of_places(spec)
    yield from _of_image(spec.image)
    yield from _of_storage(spec)
    yield from _of_spot(spec)
    yield from _of_limits(spec)
    for name, reference in spec.secrets.items():
        if not reference.startswith("gcp:"):
            yield f"secrets.{name}: name one of Secret Manager: gcp:projects/P/secrets/S/versions/N"


def _of_target(target: Mapping[str, str]) -> Iterator[str]:
    project = target.get("project")
    if project is None:
        yield "target.project is missing: --set project=PROJECT, or GOOGLE_CLOUD_PROJECT"
    elif not _PROJECT.fullmatch(project):
        yield f"target.project: should be the id or number of a Google Cloud project, got {project!r}"
    for name, form in _FORMS.items():
        if name in target and not form.fullmatch(target[name]):
            yield f"target.{name}: should be like {_EXAMPLES[name]}, got {target[name]!r}"
    if "tensorboard" in target and "service_account" not in target:
        yield "target.tensorboard: needs target.service_account, which writes to it"


def _of_image(image: str | None) -> Iterator[str]:
    if image is None:
        yield "image is missing: make push REGISTRY=… shows it with its digest"
    elif not _DIGEST.fullmatch(image):
        yield f"image: should be REGISTRY/NAME@sha256:… (a tag may mean another image tomorrow), got {image!r}"


def _of_storage(spec: JobSpec) -> Iterator[str]:
    if not (spec.storage_root or "").startswith("gs://"):
        yield f"storage_root: should be a bucket, FIRELIB_STORAGE_ROOT=gs://…, got {spec.storage_root!r}"
    location = spec.target.get("bucket_region")
    if location is not None:
        yield from wrong_bucket(location, spec)


def wrong_bucket(location: str, spec: JobSpec) -> Iterator[str]:
    """Why a bucket does not suit a job's regions: reading from afar is slow and costs."""
    for region in dict.fromkeys(place.region for place in places(spec)):
        place = location.lower()
        if place != region and not region.startswith(_MULTI_REGIONS.get(place, ("\0",))):
            yield f"target.region: the bucket is in {place!r}, the job would be in {region!r}: every row would travel"


def _of_spot(spec: JobSpec) -> Iterator[str]:
    if spec.replicas.provisioning != "spot":
        return
    if spec.stage not in _GOES_ON:
        yield f"replicas.provisioning: {spec.stage!r} saves no checkpoints, so the end of a spot machine loses all"
    elif _saves_nothing(Path(spec.project, "params.yaml")):
        yield "replicas.provisioning: spot machines are taken away; set train.checkpoint.every_seconds or every_steps"
    if not spec.replicas.restarts:
        yield "replicas.restarts: spot machines are taken away: give --restarts 1 or more"


def _saves_nothing(params: Path) -> bool:
    """Whether the project's parameters turn checkpoints within an epoch off."""
    raw: Any = yaml.safe_load(params.read_text(encoding="utf-8")) if params.is_file() else {}
    checkpoint = ((raw or {}).get("train") or {}).get("checkpoint") or {}
    return checkpoint.get("every_seconds", 60) is None and checkpoint.get("every_steps") is None


def _of_limits(spec: JobSpec) -> Iterator[str]:
    if not _SMALLEST_DISK <= spec.resources.disk_gib <= _LARGEST_DISK:
        yield f"resources.disk_gib: should be {_SMALLEST_DISK} to {_LARGEST_DISK}, got {spec.resources.disk_gib}"
    if len(spec.labels) > _MOST_LABELS:
        yield f"labels: there may be {_MOST_LABELS} beside firelib's own, got {len(spec.labels)}"
    if len(spec.env) > _MOST_VARIABLES:
        yield f"env: there may be {_MOST_VARIABLES} beside firelib's own, got {len(spec.env)}"
    for label in sorted({"firelib-job", "firelib-place"} & set(spec.labels)):
        yield f"labels.{label}: firelib sets it itself"
