"""Remedies for what a Kubernetes API server says."""

import json

import pytest

from firelib.launch.backends.kubeflow.api_errors import explain_refusal


def answer(message, **details):
    return json.dumps({"kind": "Status", "message": message, "details": details})


@pytest.mark.parametrize(
    ("status", "body", "remedy"),
    [
        (401, answer("Unauthorized"), "log in"),
        (403, answer('User "system:anonymous" cannot create resource "rayjobs" in API group "ray.io"'), "log in"),
        (
            403,
            answer('User "me" cannot create resource "rayjobs" in API group "ray.io" in the namespace "lab"'),
            "kubectl auth can-i create rayjobs.ray.io --namespace lab",
        ),
        (
            403,
            answer('User "me" cannot get resource "pods/log" in API group ""'),
            "kubectl auth can-i get pods/log --namespace lab",
        ),
        (403, "<html>the proxy's page</html>", "kubectl auth can-i --list --namespace lab"),
        (404, answer('namespaces "lab" not found', kind="namespaces"), "--set namespace="),
        (404, "404 page not found\n", "install"),
        (409, answer('"train-1" already exists'), "job_id"),
        (400, answer('strict decoding error: unknown field "spec.preRunningDeadlineSeconds"'), "--set kuberay=1.5"),
        (400, answer('strict decoding error: unknown field "spec.rayClusterSpec.authOptions"'), "1.5.1"),
        (422, answer("spec.trainer.numNodes: Invalid value"), "--dry-run"),
    ],
)
def test_every_refusal_has_a_remedy(status, body, remedy):
    error = explain_refusal(status, body, "lab")
    assert remedy in (error.remedy or "")
    assert str(status) in error.what
    assert "lab" in (error.where or "")
