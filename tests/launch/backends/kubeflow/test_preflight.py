"""What a cluster is asked before anything is sent to it."""

import base64

import pytest

from firelib.launch.backends.kubeflow import backend as kubeflow_backend
from tests.errors import refused
from tests.launch.backends.kubeflow.submitted import submit
from tests.launch.backends.kubeflow.test_requests import objects


def test_an_object_of_somebody_else_stays(cluster, tmp_path, monkeypatch):
    theirs = {**objects()[0], "metadata": {"name": "train-1", "uid": "theirs"}}
    cluster.kept["/apis/trainer.kubeflow.org/v1alpha1/namespaces/default/trainingruntimes/train-1"] = theirs
    with refused(what=["job_id", "TrainingRuntime"]):
        submit(tmp_path)
    monkeypatch.setattr(kubeflow_backend, "check_cluster", lambda *_: None)  # it appears right after the check
    with refused(what="409", remedy="job_id"):
        submit(tmp_path)
    assert [*cluster.kept.values()] == [theirs]


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
        submit(tmp_path, target={"kind": "RayJob"})


def test_a_name_that_is_taken(cluster, tmp_path):
    submit(tmp_path)
    with refused(what=["job_id", "train-1"]):
        submit(tmp_path)
    assert len(cluster.kept) == 2
