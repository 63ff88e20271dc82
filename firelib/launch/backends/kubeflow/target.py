"""Settings of backend `kubeflow`."""

from typing import Literal

from firelib.launch.target import Target, setting

Kind = Literal["TrainJob", "RayJob"]


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
    service_account: str | None = setting(
        "service account of the pods",
        example="a service account (small letters, digits, - and .)",
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
    )
