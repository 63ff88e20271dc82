"""Which Ray a cluster runs, asked without waiting for ever."""

import json
import os
import subprocess
import sys
import urllib.request
from http.client import HTTPException

from firelib.ray_setup.probe import probe

_REACH_SECONDS = 5.0
_JOIN_SECONDS = 60.0

# ray.init itself compares versions; a process of its own can be ended when the cluster does not answer.
_JOIN = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
print(ray.__version__)
"""


def cluster_version(address: str, token: str | None) -> str:
    """The version of Ray behind an address.

    Args:
        address: `http(s)://head:8265` (dashboard), `ray://head:10001` (client), `head:6379` (GCS) or `auto`.
        token: What the dashboard asks for.

    Raises:
        OSError: It does not answer, or refuses.
    """
    if address.startswith(("http://", "https://")):
        return _of_dashboard(address.rstrip("/"), token)
    if address != "auto":
        probe(address, _REACH_SECONDS)
    return _by_joining(address)


def _of_dashboard(address: str, token: str | None) -> str:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{address}/api/version", headers=headers)  # noqa: S310  # http(s), by the caller
    try:
        with urllib.request.urlopen(request, timeout=_REACH_SECONDS) as answer:  # noqa: S310
            return str(json.load(answer)["ray_version"])
    except (HTTPException, ValueError, KeyError, TypeError):
        raise OSError("this is no Ray dashboard") from None


def _by_joining(address: str) -> str:
    command = [sys.executable, "-c", _JOIN, address]
    environment = {"RAY_AUTH_MODE": "token", **os.environ}  # as `ray_session` has it
    try:
        joined = subprocess.run(  # noqa: S603  # our own interpreter and program
            command, capture_output=True, text=True, timeout=_JOIN_SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"no answer in {_JOIN_SECONDS:g} s") from None
    if joined.returncode:
        raise OSError(joined.stderr.strip().rpartition("\n")[2] or f"exit code {joined.returncode}")
    return joined.stdout.split()[-1]
