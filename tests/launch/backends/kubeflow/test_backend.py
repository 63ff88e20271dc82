"""Jobs on a stand-in of the Kubernetes API server, from preflight to cleanup."""

import json

import pytest

from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.kubeflow import backend
from firelib.launch.backends.kubeflow.backend import KubeflowBackend
from firelib.launch.backends.kubeflow.client import ClusterClient
from firelib.launch.backends.registry import load_backend
from firelib.launch.client.log_follower import follow
from firelib.launch.job_spec import Replicas, Resources
from firelib.launch.plan import PlanRequest
from tests.errors import refused
from tests.launch.backends.kubeflow.submitted import ended, point_to, set_status, submit

KUBEFLOW = KubeflowBackend()
RAY = {"kind": "RayJob"}
REPLICA_0 = {"firelib-job": "train-1", "batch.kubernetes.io/job-completion-index": "0"}
OUT_OF_MEMORY = {"exitCode": 137, "reason": "OOMKilled"}


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


def test_the_log_of_a_new_pod_is_whole_when_the_old_one_has_vanished(cluster, tmp_path):
    """The node of a preempted pod is deleted, and its pod with it."""
    record = submit(tmp_path)
    cluster.add_pod("node-0", REPLICA_0, ["node"])
    cluster.logs["node-0", "node"] = "epoch 1\nepoch 2\n"
    read_on = KUBEFLOW.open_log(record)
    assert "".join(read_on()) == "epoch 1\nepoch 2\n"
    cluster.pods.clear()
    cluster.add_pod("node-1", REPLICA_0, ["node"])
    cluster.logs["node-1", "node"] = "epoch 2 again\n"
    assert "".join(read_on()) == "epoch 2 again\n"
    assert "".join(read_on()) == ""


def test_a_job_stays_in_the_cluster_that_it_was_sent_to(cluster, tmp_path, monkeypatch):
    record = submit(tmp_path)
    asked = []
    monkeypatch.setattr(backend, "ClusterClient", lambda *given: asked.append(given) or ClusterClient(*given))
    KUBEFLOW.status(record)
    assert asked == [(record.handle["namespace"], record.handle["context"])]


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


def test_an_active_job_whose_pods_wait_is_queued(cluster, tmp_path):
    """JobSet counts pods that wait for a node as active."""
    record = submit(tmp_path, replicas=Replicas(2))
    set_status(cluster, "trainjobs", {"jobsStatus": [{"name": "node", "active": 1}]})
    waits = [{"type": "PodScheduled", "status": "False", "message": "Insufficient memory"}]
    cluster.add_pod("node-1", {"firelib-job": "train-1"}, ["node"], "Pending", False, conditions=waits)
    assert KUBEFLOW.status(record).state == "queued"
    cluster.add_pod("node-0", REPLICA_0, ["node"])
    status = KUBEFLOW.status(record)
    assert status.state == "running"
    assert "Insufficient memory" in status.message


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (
            {
                "containerStatuses": [
                    {"name": "node", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
                ]
            },
            ["out of memory", "--memory-gib"],
        ),
        ({"reason": "Evicted", "message": "The node was low on resource: memory"}, ["Evicted", "low on resource"]),
    ],
)
def test_a_failed_job_says_what_the_cluster_did(cluster, tmp_path, status, parts):
    record = submit(tmp_path)
    cluster.add_pod("node-0", REPLICA_0, ["node"], "Failed", False, **status)
    set_status(cluster, "trainjobs", ended("Failed"))
    found = KUBEFLOW.status(record)
    assert found.state == "failed"
    assert all(part in found.message for part in ["jobset ended", *parts])


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
    real = cluster.answer

    def answer(method, path, *rest):
        if method == "POST" and path.endswith("/trainjobs"):
            return 403, {"kind": "Status", "message": 'User "me" cannot create resource "trainjobs" in API group "g.h"'}
        return real(method, path, *rest)

    cluster.answer = answer
    with refused(what="403", remedy="kubectl auth can-i create trainjobs.g.h --namespace default"):
        submit(tmp_path)
    assert cluster.kept == {}


def test_fields_that_the_operator_would_drop_are_refused(cluster, tmp_path):
    cluster.operators["ray.io"] = "1.5"
    with refused(what="preRunningDeadlineSeconds", remedy="--set kuberay=1.5"):
        submit(tmp_path, target=RAY)
    submit(tmp_path, target={**RAY, "kuberay": "1.5"})


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


def test_secrets_of_the_cluster_and_of_google_can_be_mixed(cluster, tmp_path):
    """The stage would take a reference to the cluster's secret for a file."""
    google = "gcp:projects/p/secrets/s/versions/1"
    cluster.secrets["tokens"] = {"hf": "dmFsdWU="}
    submit(tmp_path, secrets={"WANDB_API_KEY": google, "HF_TOKEN": "k8s:tokens/hf"})
    sent = json.dumps([*cluster.kept.values()])
    assert json.dumps(json.dumps({"WANDB_API_KEY": google})) in sent
    assert "k8s:tokens" not in sent


def test_nothing_secret_is_kept(cluster, tmp_path):
    record = submit(tmp_path, secrets={"WANDB_API_KEY": "gcp:projects/p/secrets/s/versions/1"})
    assert "secrets/s/versions/1" in json.dumps([*cluster.kept.values()])
    assert record.handle.keys() == {"kind", "namespace", "context"}
