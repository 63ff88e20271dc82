"""Settings of backend `ray`."""

from firelib.launch.target import Target, setting


class RayTarget(Target):
    """Settings of `--to ray`."""

    address: str = setting(
        "address of the Ray dashboard; cluster:PATH names a cluster file, whose head is reached through an SSH tunnel",
        example="http://HOST:8265",
        default="",
        pattern=r"^(https?://|cluster:.)",
        required=True,
        variable="FIRELIB_RAY_ADDRESS",
    )
    shared_project: bool = setting(
        "run in the copy of the project on the cluster's shared folder, where files of earlier jobs are",
        example="true",
        default=False,
    )
