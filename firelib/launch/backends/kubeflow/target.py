"""Settings of backend `kubeflow`."""

from collections.abc import Iterator
from typing import Literal

from firelib.launch.target import Target, setting

Kind = Literal["TrainJob", "RayJob"]

_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_KEY = rf"({_NAME}/)?[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?"
_VALUE = r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
_LABEL = rf"{_KEY}={_VALUE}"
_TOLERATION = rf"{_KEY}(={_VALUE})?(:(NoSchedule|PreferNoSchedule|NoExecute))?"


class KubeflowTarget(Target):
    """Settings of `--to kubeflow`."""

    namespace: str = setting(
        "namespace of the objects",
        example="a namespace (small letters, digits and -)",
        default="default",
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    )
    context: str | None = setting("context of kubectl's configuration; default: the current one", example="CONTEXT")
    kind: Kind = setting("custom resource that runs the job", example="TrainJob or RayJob", default="TrainJob")
    kuberay: Literal["1.5", "1.6"] = setting(
        "version of KubeRay, for a RayJob; 1.6 means 1.6 or newer", example="1.5 or 1.6", default="1.6"
    )
    platform: Literal["gke", "generic"] = setting(
        "Google Kubernetes Engine, whose node labels and machine types firelib knows, or any other Kubernetes",
        example="gke or generic",
        default="gke",
    )
    service_account: str | None = setting(
        "service account of the pods",
        example="a service account (small letters, digits, - and .)",
        pattern=rf"^{_NAME}$",
    )
    node_selector: str = setting(
        "labels that the nodes of the pods must have",
        example="KEY=VALUE, several separated by commas",
        default="",
        pattern=rf"^{_LABEL}(,{_LABEL})*$",
    )
    tolerations: str = setting(
        "taints that the pods tolerate",
        example="KEY[=VALUE][:EFFECT], several separated by commas",
        default="",
        pattern=rf"^{_TOLERATION}(,{_TOLERATION})*$",
    )
    gpu_resource: str = setting(
        "resource that GPUs have in the cluster",
        example="nvidia.com/gpu or amd.com/gpu",
        default="nvidia.com/gpu",
        pattern=rf"^{_NAME}/[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?$",
    )
    storage_class: str | None = setting(
        "storage class of a temporary volume for /tmp, of resources.disk_gib; default: the node's own disk",
        example="a storage class (small letters, digits, - and .)",
        pattern=rf"^{_NAME}$",
    )
    image_pull_secrets: str = setting(
        "secrets of the namespace that pull the image",
        example="a secret, several separated by commas",
        default="",
        pattern=rf"^{_NAME}(,{_NAME})*$",
    )
    aws_role: str | None = setting(
        "role that the pods assume with a token of their service account, for a root s3://…",
        example="arn:aws:iam::ACCOUNT:role/NAME",
        pattern=r"^arn:[a-z-]+:iam::[0-9]*:role/[\w+=,.@/-]+$",
    )

    @property
    def node_labels(self) -> dict[str, str]:
        """The labels of `node_selector`."""
        return {key: value for key, _, value in (each.partition("=") for each in _split(self.node_selector))}

    @property
    def pull_secrets(self) -> list[str]:
        """The names in `image_pull_secrets`."""
        return list(_split(self.image_pull_secrets))

    @property
    def pod_tolerations(self) -> list[dict[str, str]]:
        """The taints of `tolerations`, as a pod names them."""
        return [_parse_toleration(each) for each in _split(self.tolerations)]


def _split(text: str) -> Iterator[str]:
    return (each for each in text.split(",") if each)


def _parse_toleration(text: str) -> dict[str, str]:
    taint, _, effect = text.partition(":")
    key, equals, value = taint.partition("=")
    matched = {"operator": "Equal", "value": value} if equals else {"operator": "Exists"}
    return {"key": key, **matched, **({"effect": effect} if effect else {})}
