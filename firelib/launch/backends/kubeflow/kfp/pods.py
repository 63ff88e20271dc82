"""What Kubeflow Pipelines adds to the pod of a stage: secrets, nodes, shared memory. Pure.

The fields are those of `KubernetesExecutorConfig` in kfp's `kubernetes_executor_config.proto`.
"""

from typing import Any

from firelib.launch.backends.kubeflow.nodes import build_node_selector, build_tolerations
from firelib.launch.backends.kubeflow.pods import parse_cluster_secrets
from firelib.launch.backends.kubeflow.target import KubeflowTarget
from firelib.launch.job_spec import JobSpec


def build_platform_config(spec: JobSpec) -> dict[str, Any]:
    """Return the settings of Kubernetes for one stage of a pipeline; empty without any.

    Args:
        spec: The job whose pod is that of the stage.
    """
    config: dict[str, Any] = {}
    if secrets := parse_cluster_secrets(spec):
        config["secretAsEnv"] = [
            {**_secret(secret), "keyToEnv": [{"secretKey": key, "envVar": name}]}
            for name, (secret, key) in secrets.items()
        ]
    if names := KubeflowTarget.parse(spec.target).pull_secrets:
        config["imagePullSecret"] = [_secret(name) for name in names]
    if selector := build_node_selector(spec):
        config["nodeSelector"] = {"labels": selector}
    if tolerations := build_tolerations(spec):
        config["tolerations"] = tolerations
    if spec.stage == "train":  # Ray keeps objects there, and a container has 64 MiB
        config["emptyDirMounts"] = [{"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory"}]  # noqa: S108
    return config


def _secret(name: str) -> dict[str, Any]:
    """Return a reference to a secret in the form of old and of new versions, as kfp's own extension does."""
    return {"secretName": name, "secretNameParameter": {"runtimeValue": {"constant": name}}}
