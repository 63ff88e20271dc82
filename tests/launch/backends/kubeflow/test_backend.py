"""Jobs on a stand-in of the Kubernetes API server, from preflight to cleanup."""

import base64
import json

import pytest

from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.kubeflow import backend as kubeflow_backend
from firelib.launch.backends.kubeflow.backend import KubeflowBackend
from firelib.launch.backends.registry import load_backend
from firelib.launch.client.log_follower import follow
from firelib.launch.client.submit_and_wait import send
from firelib.launch.job_spec import Replicas, Resources
from firelib.launch.plan import PlanRequest
from tests.errors import refused
from tests.launch.backends.kubeflow.fake_cluster import FakeCluster, serving, write_kubeconfig
from tests.launch.backends.kubeflow.test_requests import cluster_job, objects

KUBEFLOW = KubeflowBackend()
RAY = {"kind": "RayJob"}
REPLICA_0 = {"firelib-job": "train-1", "batch.kubernetes.io/job-completion-index": "0"}
SUBMITTER = {"firelib-job": "train-1", "batch.kubernetes.io/job-name": "train-1"}


@pytest.fixture(scope="module")
def server():
    """One server for all tests of this module; `cluster` gives each test a new state."""

    class Current:
        def answer(self, *request):
            return self.cluster.answer(*request)

    current = Current()
    with serving(current) as address:
        yield current, address


@pytest.fixture
def cluster(server, tmp_path, monkeypatch):
    current, address = server
    current.cluster = FakeCluster()
    monkeypatch.setattr(kubeflow_backend, "send_code", lambda _: None)  # without a bucket
    point_to(address, tmp_path, monkeypatch)
    return current.cluster


def point_to(address, tmp_path, monkeypatch, token=None):
    from kubernetes.config import kube_config

    file = write_kubeconfig(address, tmp_path, token)
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(file))


def submit(tmp_path, **fields):
    return send("kubeflow", cluster_job(project=str(tmp_path), **fields))


def set_status(cluster, plural, status):
    cluster.objects(plural)["train-1"]["status"] = status


def ended(kind):
    return {"conditions": [{"type": kind, "status": "True", "message": "jobset ended"}]}


def test_a_train_job_is_observed_and_leaves_nothing_in_the_cluster(cluster, tmp_path):
    record = submit(tmp_path, replicas=Replicas(2))
    assert [*cluster.objects("trainingruntimes"), *cluster.objects("trainjobs")] == ["train-1", "train-1"]
    assert KUBEFLOW.status(record).state == "queued"
    cluster.add_pod("node-0", REPLICA_0, ["istio-proxy", "node"])
    cluster.logs["node-0", "node"] = "epoch 1\nepoch 2\n"
    cluster.logs["node-0", "istio-proxy"] = "noise"
    set_status(cluster, "trainjobs", ended("Complete"))
    shown = []
    assert follow(KUBEFLOW, record, shown.append, pause=0).state == "succeeded"
    assert "".join(shown) == "epoch 1\nepoch 2\n"
    assert cluster.kept == {}
    cluster.pods.clear()
    assert KUBEFLOW.status(record).state == "succeeded"  # still known on this machine
    assert "".join(KUBEFLOW.logs(record, False)) == "epoch 1\nepoch 2\n"


def test_a_running_job_is_not_released(cluster, tmp_path):
    record = submit(tmp_path)
    set_status(cluster, "trainjobs", {"jobsStatus": [{"name": "node", "active": 1}]})
    KUBEFLOW.advance(record)
    assert len(cluster.kept) == 2


def test_cancel_deletes_all_objects(cluster, tmp_path):
    record = submit(tmp_path)
    KUBEFLOW.cancel(record)
    assert cluster.kept == {}
    assert KUBEFLOW.status(record).state == "cancelled"
    KUBEFLOW.cancel(record)  # once more is no error


def test_the_job_owns_its_runtime(cluster, tmp_path):
    submit(tmp_path)
    [runtime] = cluster.objects("trainingruntimes").values()
    [owner] = runtime["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("TrainJob", cluster.objects("trainjobs")["train-1"]["metadata"]["uid"])


def test_a_failed_job_has_the_exit_code_of_its_last_attempt(cluster, tmp_path):
    record = submit(tmp_path)
    for name, code in (("node-a", 1), ("node-b", 75)):
        ended_with = [{"name": "node", "state": {"terminated": {"exitCode": code}}}]
        cluster.add_pod(name, REPLICA_0, ["node"], "Failed", False, containerStatuses=ended_with)
    set_status(cluster, "trainjobs", ended("Failed"))
    status = KUBEFLOW.status(record)
    assert (status.state, status.exit_code) == ("failed", 75)


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient gpu"}]},
            ["no node fits", "Insufficient gpu"],
        ),
        ({"containerStatuses": [{"name": "node", "state": {"waiting": {"reason": "ErrImagePull"}}}]}, ["ErrImagePull"]),
        (
            {
                "containerStatuses": [
                    {
                        "name": "node",
                        "state": {
                            "waiting": {"reason": "CreateContainerConfigError", "message": 'secret "wandb" not found'}
                        },
                    }
                ]
            },
            ["CreateContainerConfigError", "wandb"],
        ),
    ],
)
def test_a_job_that_waits_says_why(cluster, tmp_path, status, parts):
    record = submit(tmp_path)
    cluster.add_pod("node-0", REPLICA_0, ["node"], "Pending", False, **{"conditions": [], **status})
    message = KUBEFLOW.status(record).message
    assert all(part in message for part in parts)


def test_a_normal_start_is_no_reason(cluster, tmp_path):
    record = submit(tmp_path)
    waiting = [{"name": "node", "state": {"waiting": {"reason": "ContainerCreating"}}}]
    cluster.add_pod("node-0", REPLICA_0, ["node"], "Pending", False, containerStatuses=waiting)
    assert KUBEFLOW.status(record).message == ""


class RayOperator:
    """Steps of KubeRay for one RayJob: pods start in order, late, with a proxy beside each; then the job is submitted.

    The rules are those of its controller: SidecarMode submits when the head is up, K8sJobMode when all pods are ready.
    """

    def __init__(self, cluster):
        self.cluster, self.job = cluster, cluster.objects("rayjobs")["train-1"]
        spec = self.job["spec"]["rayClusterSpec"]
        self.waiting = [("head", spec["headGroupSpec"])]
        for group in spec.get("workerGroupSpecs", []):
            self.waiting += [(f"worker-{index}", group) for index in range(group["replicas"])]
        self.total, self.mode = len(self.waiting), self.job["spec"]["submissionMode"]
        self.job["status"] = {"jobDeploymentStatus": "Initializing"}

    def step(self):
        if self.waiting:
            name, group = self.waiting.pop(0)
            labels = {**group["template"]["metadata"]["labels"], "ray.io/node-type": name.partition("-")[0]}
            containers = [each["name"] for each in group["template"]["spec"]["containers"]]
            self.cluster.add_pod(name, labels, ["istio-proxy", *containers])
        if not self.waiting or (self.mode == "SidecarMode" and "head" in self.cluster.pods):
            self._submit()

    def _submit(self):
        template = self.job["spec"]["submitterPodTemplate"]
        labels = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": "train-1"}
        self.cluster.add_pod("submitter", labels, ["istio-proxy", template["spec"]["containers"][0]["name"]])
        nodes = len([name for name in self.cluster.pods if name != "submitter"])
        self.cluster.logs["submitter", "ray-job-submitter"] = f"the driver sees {nodes} nodes\n"
        self.job["status"] = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}


def test_the_driver_of_a_ray_job_starts_when_all_nodes_are_ready(cluster, tmp_path):
    record = submit(tmp_path, replicas=Replicas(3), target=RAY)
    operator = RayOperator(cluster)
    for _ in range(2):
        operator.step()
        assert KUBEFLOW.status(record).state == "queued"
        assert "".join(KUBEFLOW.logs(record, False)) == ""
    operator.step()
    assert KUBEFLOW.status(record).state == "running"
    assert "".join(KUBEFLOW.logs(record, False)) == "the driver sees 3 nodes\n"


def test_the_log_of_a_ray_job_outlives_its_cluster(cluster, tmp_path):
    record = submit(tmp_path, target=RAY)
    operator = RayOperator(cluster)
    operator.step()
    operator.job["status"] = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}
    del cluster.pods["head"]  # ttlSecondsAfterFinished
    shown = []
    assert follow(KUBEFLOW, record, shown.append, pause=0).state == "succeeded"
    assert "".join(shown) == "the driver sees 1 nodes\n"
    assert cluster.kept == {}


def test_a_log_that_looks_like_json_stays_as_it_is(cluster, tmp_path):
    record = submit(tmp_path)
    cluster.add_pod("node-0", REPLICA_0, ["node"])
    cluster.logs["node-0", "node"] = '{"loss": 1.50}'
    assert "".join(KUBEFLOW.logs(record, False)) == '{"loss": 1.50}'


def test_status_builds_no_request(cluster, tmp_path, monkeypatch):
    """A job is found by its handle even if this version would no longer accept its settings."""
    record = submit(tmp_path)
    monkeypatch.setattr(KubeflowBackend, "request", None)
    assert KUBEFLOW.status(record).state == "queued"
    KUBEFLOW.cancel(record)
    assert cluster.kept == {}


def test_a_refused_object_deletes_the_others(cluster, tmp_path):
    cluster.operators["trainer.kubeflow.org"] = "2.0"
    real = cluster.answer

    def answer(method, path, *rest):
        if method == "POST" and path.endswith("/trainjobs"):
            return 403, {"kind": "Status", "message": 'User "me" cannot create resource "trainjobs" in API group "g.h"'}
        return real(method, path, *rest)

    cluster.answer = answer
    with refused(what="403", remedy="kubectl auth can-i create trainjobs.g.h --namespace default"):
        submit(tmp_path)
    assert cluster.kept == {}


def test_an_object_of_somebody_else_stays(cluster, tmp_path, monkeypatch):
    theirs = {**objects()[0], "metadata": {"name": "train-1", "uid": "theirs"}}
    cluster.kept["/apis/trainer.kubeflow.org/v1alpha1/namespaces/default/trainingruntimes/train-1"] = theirs
    with refused(what=["job_id", "TrainingRuntime"]):
        submit(tmp_path)
    monkeypatch.setattr(kubeflow_backend, "check_cluster", lambda *_: None)  # it appears right after the check
    with refused(what="409", remedy="job_id"):
        submit(tmp_path)
    assert [*cluster.kept.values()] == [theirs]


def test_fields_that_the_operator_would_drop_are_refused(cluster, tmp_path):
    cluster.operators["ray.io"] = "1.5"
    with refused(what="preRunningDeadlineSeconds", remedy="--set kuberay=1.5"):
        submit(tmp_path, target=RAY)
    submit(tmp_path, target={**RAY, "kuberay": "1.5"})


def test_everything_that_the_cluster_lacks_is_named_before_anything_is_sent(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(kubeflow_backend, "send_code", lambda _: pytest.fail("the code was sent"))
    cluster.version = "v1.31.4-eks-2d5f260"
    cluster.secrets["wandb"] = {"api": base64.b64encode(b"planted").decode()}
    cluster.denied |= {("create", "trainjobs"), ("get", "pods/log")}
    with refused(
        what=[
            ("target.platform", "--set platform=generic"),
            ("secrets.WANDB_API_KEY", "wandb", "key"),
            ("secrets.OTHER_KEY", "other", "kubectl create secret"),
            ("target.image_pull_secrets", "registry"),
            ("target.service_account", "trainer"),
            ("create", "trainjobs.trainer.kubeflow.org"),
            ("get", "pods/log"),
        ]
    ) as caught:
        submit(
            tmp_path,
            secrets={"WANDB_API_KEY": "k8s:wandb/key", "OTHER_KEY": "k8s:other/key"},
            target={"service_account": "trainer", "image_pull_secrets": "registry"},
        )
    assert "planted" not in str(caught.value)
    assert cluster.kept == {}


def test_a_user_who_may_not_read_secrets_may_refer_to_them(cluster, tmp_path):
    cluster.denied.add(("get", "secrets"))
    submit(tmp_path, secrets={"WANDB_API_KEY": "k8s:wandb/key"})


def test_a_wrong_namespace_is_not_a_missing_operator(cluster, tmp_path):
    with refused(what="nowhere", remedy="correct the job") as caught:
        submit(tmp_path, target={"namespace": "nowhere"})
    assert "install" not in caught.value.what


def test_a_missing_operator_is_named(cluster, tmp_path):
    del cluster.operators["ray.io"]
    with refused(what=["rayjobs.ray.io/v1", "KubeRay"]):
        submit(tmp_path, target=RAY)


def test_a_name_that_is_taken(cluster, tmp_path):
    submit(tmp_path)
    with refused(what=["job_id", "train-1"]):
        submit(tmp_path)
    assert len(cluster.kept) == 2


def test_an_expired_token(cluster, server, tmp_path, monkeypatch):
    cluster.token = "new"
    point_to(server[1], tmp_path, monkeypatch, token="old")
    with refused(what="401", remedy="log in"):
        submit(tmp_path)
    point_to(server[1], tmp_path, monkeypatch, token="new")
    submit(tmp_path)


def test_an_unknown_context_is_named(cluster, tmp_path):
    with refused(what="other", remedy="kubectl config get-contexts"):
        submit(tmp_path, target={"context": "other"})


def test_a_cluster_that_does_not_answer(cluster, tmp_path, monkeypatch):
    record = submit(tmp_path)
    point_to("http://127.0.0.1:9", tmp_path, monkeypatch)
    with refused(remedy="kubectl", kind=LostConnectionError):
        KUBEFLOW.status(record)


def test_a_busy_server_is_asked_again_later(cluster, tmp_path):
    record = submit(tmp_path)
    cluster.answer = lambda *_: (503, "upstream connect error")
    with refused(what="503", kind=LostConnectionError):
        KUBEFLOW.status(record)


def test_shell_names_the_container(cluster, tmp_path):
    for target, container in (({}, "node"), (RAY, "ray-head")):
        record = submit(tmp_path, job_id=f"train-{container}", target=target)
        assert f"--container {container} " in KUBEFLOW.shell(record).argv[-1]


@pytest.mark.parametrize("to", ["kubeflow", "vertex"])
def test_flex_start_is_no_machine_of_kubernetes_and_not_preempted(to, tmp_path):
    request = PlanRequest(Resources(machine="g2-standard-4"), Replicas(2, "flex-start"))
    plan = load_backend(to).plan(request, tmp_path, {})
    assert not plan.preemptible
    assert any("flex-start" in each for each in plan.missing) == (to == "kubeflow")
    assert (plan.price is None) == (to == "kubeflow")


def test_nothing_secret_is_kept(cluster, tmp_path):
    record = submit(tmp_path, secrets={"WANDB_API_KEY": "gcp:projects/p/secrets/s/versions/1"})
    assert "secrets/s/versions/1" in json.dumps([*cluster.kept.values()])
    assert record.handle == {"kind": "TrainJob", "namespace": "default"}
