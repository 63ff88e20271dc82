"""Objects for Kubernetes, held against the schemas of their operators' versions and against Kubernetes' own models."""

import json

import kubeflow_trainer_api.models as published
import pytest

from firelib.errors import FirelibError
from firelib.launch.backends.kubeflow.resources import parse_job_status
from firelib.launch.backends.registry import validate_job
from firelib.launch.job_spec import Gpu, Replicas, Resources
from firelib.launch.runtime.replica import detect_replica
from tests.launch.backends.kubeflow.crd_schemas import find_errors, versions
from tests.launch.backends.vertex.test_requests import IMAGE
from tests.launch.drill import firelib_here, write_project
from tests.launch.golden_file import same_as_before
from tests.launch.jobs import job
from tests.launch.problems import has_problem

FULL = {
    "replicas": Replicas(3, "spot", 2),
    "resources": Resources(cpus=6, memory_gib=24, gpu=Gpu("t4", 2), machine="n1-standard-8"),
    "timeout_seconds": 3600,
    "labels": {"team": "vision"},
    "secrets": {"WANDB_API_KEY": "k8s:wandb/key"},
    "target": {"namespace": "lab", "service_account": "trainer"},
}
GENERIC = {
    "replicas": Replicas(2, "spot"),
    "resources": Resources(cpus=7, memory_gib=28, gpu=Gpu("a10g"), machine="g5.2xlarge", disk_gib=200),
    "storage_root": "s3://bucket/firelib",
    "target": {
        "platform": "generic",
        "node_selector": "karpenter.sh/capacity-type=spot,team=vision",
        "tolerations": "team=vision:NoSchedule,spot:NoExecute",
        "storage_class": "gp3",
        "image_pull_secrets": "registry,mirror",
        "aws_role": "arn:aws:iam::123456789012:role/trainer",
    },
}
JOBS = {"trainjob_one_replica": {}, "trainjob_three_spot_with_gpus": FULL, "trainjob_generic": GENERIC}
for name, fields in (("three_spot_with_gpus", FULL), ("generic", GENERIC)):
    JOBS[f"rayjob_{name}"] = {**fields, "target": {**fields["target"], "kind": "RayJob"}}
OLD_RAY = {**JOBS["rayjob_three_spot_with_gpus"], "target": {"kind": "RayJob", "kuberay": "1.5"}}


def cluster_job(**fields):
    return job(**{"image": IMAGE, "storage_root": "gs://bucket/firelib", **fields})


def objects(**fields):
    spec = cluster_job(**fields)
    return validate_job("kubeflow", spec).request(spec)["objects"]


def every_object():
    """Return each object of each job of this module."""
    return [each for fields in (*JOBS.values(), OLD_RAY) for each in objects(**fields)]


def pod_specs(found):
    """Yield the spec of each pod template in an object."""
    for value in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        if isinstance(value, dict) and "containers" in value:
            yield value
        else:
            yield from pod_specs(value)


@pytest.mark.parametrize("name", JOBS)
def test_requests_equal_the_golden_files(name):
    same_as_before(f"{name}.json", {"objects": objects(**JOBS[name])})


@pytest.mark.parametrize("name", [name for name in JOBS if name.startswith("trainjob")])
def test_kubeflows_models_accept_every_field(name):
    runtime, train = objects(**JOBS[name])
    assert published.TrainerV1alpha1TrainingRuntime.from_dict(runtime).to_dict() == runtime
    assert published.TrainerV1alpha1TrainJob.from_dict(train).to_dict() == train


@pytest.mark.parametrize("name", [name for name in JOBS if name.startswith("rayjob")])
def test_kubernetes_models_accept_the_pods_of_a_ray_job(name):
    [ray_job] = objects(**JOBS[name])
    cluster = ray_job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for template in (*(group["template"] for group in groups), ray_job["spec"]["submitterPodTemplate"]):
        assert published.IoK8sApiCoreV1PodTemplateSpec.from_dict(template).to_dict() == template


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_every_version_of_trainer_knows_all_fields(version):
    assert version in versions("TrainJob")
    for each in every_object():
        if each["kind"] != "RayJob":
            assert find_errors(each, version) == []


@pytest.mark.parametrize(("version", "setting"), [("1.5", "1.5"), ("1.6", "1.6"), ("1.7", "1.6")])
def test_every_version_of_kuberay_knows_all_fields_of_its_setting(version, setting):
    [ray_job] = objects(**{**FULL, "target": {"kind": "RayJob", "kuberay": setting}})
    assert find_errors(ray_job, version) == []


def test_versions_of_kuberay_that_lack_a_field_refuse_it():
    [new], [old] = objects(**JOBS["rayjob_generic"]), objects(**OLD_RAY)
    assert "preRunningDeadlineSeconds" in "".join(find_errors(new, "1.5"))
    assert "authOptions" in "".join(find_errors(old, "1.4"))  # it would start Ray without a token


def test_schemas_refuse_unknown_fields_at_every_level():
    [ray_job] = objects(**JOBS["rayjob_generic"])
    ray_job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["gpus"] = 1
    [error] = find_errors(ray_job, "1.6")
    assert "headGroupSpec" in error
    assert "gpus" in error


def test_a_ray_job_waits_for_all_nodes_and_never_without_end():
    [ray_job] = objects(**{**JOBS["rayjob_three_spot_with_gpus"], "queue_seconds": 7200})
    spec = ray_job["spec"]
    assert spec["submissionMode"] == "K8sJobMode"
    assert spec["preRunningDeadlineSeconds"] == 7200
    assert spec["activeDeadlineSeconds"] > 7200 + 3600  # KubeRay counts the wait for nodes
    assert spec["ttlSecondsAfterFinished"] > 0


def test_kuberay_1_5_gets_probes_that_need_no_wget():
    [ray_job] = objects(**OLD_RAY)
    [head] = ray_job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"]
    assert head["readinessProbe"]["httpGet"]["path"] == head["livenessProbe"]["httpGet"]["path"] == "/api/healthz"


def test_the_time_limit_of_a_train_job_begins_on_the_node():
    runtime, train = objects(**FULL)
    [pod] = pod_specs(runtime)
    assert pod["activeDeadlineSeconds"] > 3600
    assert "activeDeadlineSeconds" not in train["spec"]


def test_every_pod_carries_the_labels_of_its_job():
    for each in every_object():
        labels = each["metadata"]["labels"]
        assert json.dumps(each).count(f'"firelib-job": "{labels["firelib-job"]}"') == 1 + (
            0 if each["kind"] == "TrainJob" else len([*pod_specs(each)])
        )


def test_labels_of_google_stay_on_google():
    for each in objects(**GENERIC) + objects(**JOBS["rayjob_generic"]):
        assert "cloud.google.com" not in json.dumps(each)
    for pod in pod_specs(objects(**GENERIC)[0]):
        assert pod["nodeSelector"] == {
            "node.kubernetes.io/instance-type": "g5.2xlarge",
            "karpenter.sh/capacity-type": "spot",
            "team": "vision",
        }
        assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]
        assert {"key": "team", "operator": "Equal", "value": "vision", "effect": "NoSchedule"} in pod["tolerations"]


def test_gpus_of_other_makers():
    target = {"platform": "generic", "gpu_resource": "amd.com/gpu"}
    _, train = objects(resources=Resources(gpu=Gpu("mi300x", 8)), target=target)
    assert train["spec"]["trainer"]["resourcesPerNode"]["limits"] == {"amd.com/gpu": "8"}


def test_a_role_of_aws_needs_no_keys():
    runtime, train = objects(**GENERIC)
    given = {each["name"]: each.get("value") for each in train["spec"]["trainer"]["env"]}
    assert given["AWS_ROLE_ARN"] == "arn:aws:iam::123456789012:role/trainer"
    [pod] = pod_specs(runtime)
    mounts = {each["name"]: each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
    assert given["AWS_WEB_IDENTITY_TOKEN_FILE"] == f"{mounts['aws-token']}/token"
    assert not {name for name in given if "ACCESS_KEY" in name}


def test_pods_know_their_index():
    _, train = objects(**FULL)
    given = {each["name"]: each.get("value", "") for each in train["spec"]["trainer"]["env"]}
    place = detect_replica({**given, "JOB_COMPLETION_INDEX": "2"})
    assert (place.index, place.count, place.hosts) == (2, 3, ("train-1-node-0-0.train-1",))


def test_secrets_are_references(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "planted")
    _, train = objects(secrets={"WANDB_API_KEY": "k8s:wandb/key"})
    assert {"name": "WANDB_API_KEY", "valueFrom": {"secretKeyRef": {"name": "wandb", "key": "key"}}} in (
        train["spec"]["trainer"]["env"]
    )
    assert "planted" not in json.dumps(train)


def test_all_problems_are_reported_at_once():
    with pytest.raises(FirelibError) as caught:
        objects(
            image="firelib-trainer:latest",
            storage_root="/home/me",
            queue_seconds=5,
            secrets={"A_KEY": "env:A_KEY"},
            resources=Resources(machine="e2-standard-4", gpu=Gpu("l4"), memory_gib=14),
            replicas=Replicas(2, "flex-start"),
            target={"kind": "Job", "zone": "b", "node_selector": "spot", "aws_role": "trainer"},
        )
    for parts in (
        ("target.zone",),
        ("target.node_selector:", "KEY=VALUE", "'spot'"),
        ("target.aws_role:", "'trainer'"),
        ("image:", "firelib-trainer:latest"),
        ("storage_root:", "'/home/me'"),
        ("queue_seconds",),
        ("secrets.A_KEY",),
        ("resources.gpu:", "e2-standard-4", "l4"),
        ("resources.memory_gib:", "e2-standard-4", "14"),
        ("replicas.provisioning:", "flex-start", "Kueue"),
        ("target.kind:", "TrainJob", "RayJob", "'Job'"),
    ):
        assert has_problem(caught.value, *parts), parts


@pytest.mark.parametrize(
    "settings",
    [
        {"namespace": "Lab"},
        {"namespace": "a" * 64},
        {"tolerations": "spot:Never"},
        {"node_selector": f"team={'v' * 64}"},
        {"gpu_resource": "gpu"},
        {"image_pull_secrets": "registry,"},
        {"storage_class": "GP3"},
        {"platform": "eks"},
        {"kuberay": "1.4"},
    ],
)
def test_settings_that_a_cluster_would_refuse(settings):
    with pytest.raises(FirelibError, match=next(reversed(settings))):
        objects(target=settings)


def test_spot_nodes_of_other_clusters_need_a_label():
    with pytest.raises(FirelibError, match="node_selector"):
        objects(replicas=Replicas(2, "spot"), target={"platform": "generic"})


@pytest.mark.parametrize("fields", [{"job_id": "a" * 41}, {"job_id": "Train_1"}, {"labels": {"Team": "vision"}}])
def test_names_that_kubernetes_would_refuse(fields):
    with pytest.raises(FirelibError, match=next(iter(fields))):
        objects(**fields)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, "queued"),
        ({"jobsStatus": [{"name": "node", "active": 3}]}, "running"),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, "succeeded"),
        ({"conditions": [{"type": "Failed", "status": "True", "message": "deadline"}]}, "failed"),
        ({"conditions": [{"type": "Failed", "status": "False"}]}, "queued"),
    ],
)
def test_states_of_a_train_job(status, state):
    assert parse_job_status({"kind": "TrainJob", "status": status}).state == state


@pytest.mark.parametrize(
    ("deployment", "ray", "state"),
    [
        ("", "", "queued"),
        ("Initializing", "", "queued"),
        ("Running", "", "queued"),
        ("Running", "PENDING", "queued"),
        ("Running", "RUNNING", "running"),
        ("Running", "SUCCEEDED", "running"),  # KubeRay still waits for the end of the log
        ("Complete", "SUCCEEDED", "succeeded"),
        ("Complete", "STOPPED", "cancelled"),
        ("Failed", "FAILED", "failed"),
        ("Failed", "RUNNING", "failed"),
        ("ValidationFailed", "", "failed"),
        ("Retrying", "FAILED", "queued"),  # one attempt has failed, and the next one follows
        ("Suspended", "", "queued"),
    ],
)
def test_states_of_a_ray_job(deployment, ray, state):
    status = {"jobDeploymentStatus": deployment, "jobStatus": ray}
    assert parse_job_status({"kind": "RayJob", "status": status}).state == state


def test_a_ray_job_reports_the_exit_code_of_its_stage():
    status = {
        "jobDeploymentStatus": "Failed",
        "jobStatus": "FAILED",
        "message": "Job entrypoint command failed with exit code 75, last available logs (truncated to 20,000 chars):",
    }
    assert parse_job_status({"kind": "RayJob", "status": status}).exit_code == 75


def test_dry_run_needs_no_cluster(tmp_path):
    write_project(tmp_path)
    words = ["submit", "--to", "kubeflow", "--dry-run", "--image", IMAGE, "--replicas", "2"]
    done = firelib_here(tmp_path, *words, FIRELIB_STORAGE_ROOT="gs://bucket/x", KUBECONFIG="nowhere")
    assert done.returncode == 0, done.stderr
    assert [each["kind"] for each in json.loads(done.stdout)["objects"]] == ["TrainingRuntime", "TrainJob"]
