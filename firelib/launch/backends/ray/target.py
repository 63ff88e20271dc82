"""Settings of backend `ray`."""

from firelib.launch.target import Target, setting


class RayTarget(Target):
    """Settings of `--to ray`."""

    address: str = setting(
        "address of the Ray dashboard",
        example="http://HOST:8265",
        default="",
        pattern=r"^https?://",
        required=True,
        variable="FIRELIB_RAY_ADDRESS",
    )
