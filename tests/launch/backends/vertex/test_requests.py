"""Requests to Vertex AI, and the jobs that are refused without asking it."""

import json
import socket

import pytest
from google.cloud import aiplatform_v1

from firelib.launch.backends.registry import validate_job
from firelib.launch.job_spec import Gpu, Replicas, Resources
from tests.errors import refused
from tests.launch.drill import firelib_here, write_project
from tests.launch.golden_file import same_as_before
from tests.launch.jobs import job
from tests.launch.problems import has_problem

IMAGE = f"europe-west4-docker.pkg.dev/lab/firelib/firelib-trainer@sha256:{'0' * 64}"
TARGET = {"project": "my-lab", "region": "europe-west4"}


def vertex_job(**fields):
    """A job that Vertex AI would take."""
    given = {
        "image": IMAGE,
        "storage_root": "gs://bucket/firelib",
        "resources": Resources(machine="n1-standard-8"),
        "target": TARGET,
    }
    return job(**{**given, **fields})


FULL = {
    "replicas": Replicas(3, "spot", 2),
    "resources": Resources(cpus=8, gpu=Gpu("t4", 2), machine="n1-standard-16", disk_gib=200),
    "timeout_seconds": 3600,
    "queue_seconds": 900,
    "labels": {"team": "vision"},
    "env": {"FIRELIB_WORKERS": "3"},
    "secrets": {"WANDB_API_KEY": "gcp:projects/my-lab/secrets/wandb/versions/3"},
    "target": {
        **TARGET,
        "region": "europe-west4,us-central1",
        "machines": "g2-standard-24",
        "service_account": "trainer@my-lab.iam.gserviceaccount.com",
        "network": "projects/123456/global/networks/lab",
    },
}
JOBS = {
    "vertex_one_replica": {},
    "vertex_three_spot_with_gpus": FULL,
    "vertex_flex_start": {
        "replicas": Replicas(2, "flex-start"),
        "resources": Resources(machine="a3-highgpu-8g"),
        "queue_seconds": 7200,
        "target": {**TARGET, "region": "us-central1", "output": "gs://other/place"},
    },
    "vertex_passed_through": {
        "replicas": Replicas(2),
        "target": {
            **TARGET,
            "service_account": "trainer@my-lab.iam.gserviceaccount.com",
            "tensorboard": "projects/my-lab/locations/europe-west4/tensorboards/77",
            "encryption_spec.kms_key_name": "projects/my-lab/locations/europe-west4/keyRings/r/cryptoKeys/k",
            "job_spec.enable_web_access": "true",
            "job_spec.persistent_resource_id": "shared-machines",
            "job_spec.psc_interface_config.network_attachment": "projects/1/regions/europe-west4/networkAttachments/a",
            "job_spec.reserved_ip_ranges": '["vertex-range"]',
            "job_spec.worker_pool_specs.disk_spec.boot_disk_type": "pd-standard",
            "job_spec.worker_pool_specs.machine_spec.reservation_affinity.reservation_affinity_type": "ANY_RESERVATION",
        },
    },
}


def requests_of(spec):
    return validate_job("vertex", spec).request(spec)["requests"]


@pytest.mark.parametrize("name", JOBS)
def test_requests_equal_the_golden_files(name):
    spec = vertex_job(**JOBS[name])
    same_as_before(f"{name}.json", validate_job("vertex", spec).request(spec))


@pytest.mark.parametrize("name", JOBS)
def test_googles_messages_accept_every_field(name):
    for asked in requests_of(vertex_job(**JOBS[name])):
        message = aiplatform_v1.CustomJob.from_json(json.dumps(asked["customJob"]), ignore_unknown_fields=False)
        back = json.loads(aiplatform_v1.CustomJob.to_json(message, use_integers_for_enums=False))
        assert contains(back, asked["customJob"])


def contains(whole, part):
    """Whether all of a part comes back from the message (which adds defaults)."""
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return whole == part


def test_placements_are_all_regions_per_machine():
    tried = [
        (asked["parent"].rpartition("/")[2], pools[0]["machineSpec"]["machineType"])
        for asked in requests_of(vertex_job(**FULL))
        if (pools := asked["customJob"]["jobSpec"]["workerPoolSpecs"])
    ]
    assert tried == [
        ("europe-west4", "n1-standard-16"),
        ("us-central1", "n1-standard-16"),
        ("europe-west4", "g2-standard-24"),
        ("us-central1", "g2-standard-24"),
    ]


def test_machines_with_gpus_name_them():
    [asked] = requests_of(vertex_job(resources=Resources(machine="g2-standard-24")))
    [pool] = asked["customJob"]["jobSpec"]["workerPoolSpecs"]
    assert pool["machineSpec"] == {
        "machineType": "g2-standard-24",
        "acceleratorType": "NVIDIA_L4",
        "acceleratorCount": 2,
    }


def test_all_problems_are_reported_at_once():
    spec = vertex_job(
        command=("firelib", "transform"),
        image="europe-docker.pkg.dev/lab/firelib/firelib-trainer:latest",
        storage_root="/home/me/storage",
        secrets={"WANDB_API_KEY": "env:WANDB_API_KEY"},
        resources=Resources(machine="n1-standard-96", gpu=Gpu("t4", 1), disk_gib=50),
        replicas=Replicas(2, "spot"),
        labels={"firelib-job": "mine"},
        target={
            "region": "europe-north1",
            "bucket_region": "us",
            "service_account": "me@example.org",
            "network": "default",
            "zone": "b",
        },
    )
    with refused(where=spec.job_id) as caught:
        validate_job("vertex", spec)
    for parts in (
        ("target.zone",),
        ("target.project",),
        ("target.service_account:", "'me@example.org'"),
        ("target.network:", "'default'"),
        ("target.region:", "'europe-north1'", "t4"),
        ("resources.gpu:", "1 t4", "48 vCPUs"),
        ("image:", "@sha256:", ":latest"),
        ("storage_root:", "gs://", "'/home/me/storage'"),
        ("target.region:", "'us'", "'europe-north1'"),
        ("replicas.provisioning:", "'transform'"),
        ("replicas.restarts:", "--restarts 1"),
        ("resources.disk_gib:", "100", "64000", "50"),
        ("labels.firelib-job:",),
        ("secrets.WANDB_API_KEY:", "gcp:projects/"),
    ):
        assert has_problem(caught.value, *parts), parts


@pytest.mark.parametrize(
    ("bucket", "region", "fits"),
    [
        ("europe-west4", "europe-west4", True),
        ("EU", "europe-west4", True),
        ("us", "us-central1", True),
        ("eur4", "europe-west4", True),
        ("NAM4", "us-east1", True),
        ("us-east1,us-west1", "us-west1", True),
        ("us-central1", "us-east1", False),
        ("eu", "us-central1", False),
        ("eur4", "europe-west1", False),
        ("us-east1,us-west1", "us-central1", False),
    ],
)
def test_buckets_must_be_in_the_region_of_the_job(bucket, region, fits):
    spec = vertex_job(target={**TARGET, "region": region, "bucket_region": bucket})
    if fits:
        assert requests_of(spec)
        return
    with refused(what=[("target.region:", repr(bucket.replace(",", ", ")), repr(region))]):
        validate_job("vertex", spec)


@pytest.mark.parametrize(
    ("setting", "value", "parts"),
    [
        ("network", "projects/my-lab/global/networks/lab", ("target.network:", "'my-lab'", "projectNumber")),
        ("region", "europe-west4-a", ("target.region:", "zone", "'europe-west4-a'")),
        (
            "tensorboard",
            "projects/p/locations/us-central1/tensorboards/7",
            ("target.tensorboard:", "'us-central1'", "'europe-west4'"),
        ),
    ],
)
def test_regions_and_resources_are_checked(setting, value, parts):
    account = {"service_account": "trainer@my-lab.iam.gserviceaccount.com"}
    with refused(what=[parts]):
        validate_job("vertex", vertex_job(target={**TARGET, **account, setting: value}))


def test_a_tensorboard_turns_event_files_on():
    [asked] = requests_of(vertex_job(**JOBS["vertex_passed_through"]))
    given = {each["name"]: each["value"] for each in pools(asked)[0]["containerSpec"]["env"]}
    assert given["FIRELIB_TRACKING"] == "tensorboard"
    spec = vertex_job(**JOBS["vertex_passed_through"], env={"FIRELIB_TRACKING": "wandb"})
    [asked] = requests_of(spec)
    given = {each["name"]: each["value"] for each in pools(asked)[0]["containerSpec"]["env"]}
    assert given["FIRELIB_TRACKING"] == "wandb"


def pools(asked):
    return asked["customJob"]["jobSpec"]["workerPoolSpecs"]


@pytest.mark.parametrize(("queue_seconds", "wait"), [(None, "0s"), (7200, "7200s")])
def test_flex_start_waits_for_ever_without_a_limit(queue_seconds, wait):
    spec = vertex_job(
        replicas=Replicas(1, "flex-start"), resources=Resources(machine="g2-standard-8"), queue_seconds=queue_seconds
    )
    [asked] = requests_of(spec)
    assert asked["customJob"]["jobSpec"]["scheduling"]["maxWaitDuration"] == wait


def test_spot_needs_checkpoints(tmp_path):
    (tmp_path / "params.yaml").write_text("train: {checkpoint: {every_seconds: null}}")
    with refused(what=[("replicas.provisioning:", "train.checkpoint.every_seconds")]):
        validate_job("vertex", vertex_job(project=str(tmp_path), replicas=Replicas(1, "spot", 1)))


def test_a_malformed_machine_is_named():
    with refused(what=[("target.machines:", "'t4:x'")]):
        validate_job("vertex", vertex_job(target={**TARGET, "machines": "n1-standard-8+t4:x"}))


def test_dry_run_needs_no_credentials(tmp_path):
    write_project(tmp_path)
    words = ["submit", "--to", "vertex", "--dry-run", "--machine", "g2-standard-8", "--image", IMAGE]
    settings = ["--set", "project=my-lab", "--set", "region=europe-west4"]
    done = firelib_here(
        tmp_path, *words, *settings, FIRELIB_STORAGE_ROOT="gs://bucket/x", GOOGLE_APPLICATION_CREDENTIALS=""
    )
    assert done.returncode == 0, done.stderr
    [asked] = json.loads(done.stdout)["requests"]
    assert asked["parent"] == "projects/my-lab/locations/europe-west4"


def test_requests_need_no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a request opens no connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert requests_of(vertex_job(**FULL))


def environments_of(spec):
    """The variables of each placement's first pool."""
    pools = [request["customJob"]["jobSpec"]["workerPoolSpecs"][0] for request in requests_of(spec)]
    return [{each["name"]: each["value"] for each in pool["containerSpec"]["env"]} for pool in pools]


def test_each_placement_expects_the_gpus_of_its_own_machines():
    target = {**TARGET, "machines": "n1-standard-8+t4:1,n1-standard-8"}
    resources = Resources(machine="g2-standard-24")
    found = environments_of(vertex_job(replicas=Replicas(3), resources=resources, target=target))
    assert [each.get("FIRELIB_EXPECTED_GPUS") for each in found] == ["2", "1", None]
    assert [each["FIRELIB_WORKERS"] for each in found] == ["6", "3", "18"]


def test_the_smallest_number_of_replicas_is_part_of_the_request():
    [found] = environments_of(vertex_job(replicas=Replicas(3, minimum=2)))
    assert found["FIRELIB_MIN_REPLICAS"] == "2"
