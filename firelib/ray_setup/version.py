"""The Ray version of a cluster, under a timeout."""

import json
import os
import subprocess
import sys
import urllib.request
from http.client import HTTPException

from firelib.ray_setup.probe import probe

_HTTP_TIMEOUT_SECONDS = 5.0
_JOIN_TIMEOUT_SECONDS = 60.0

# `ray.init` fails if the versions differ. A child process can be killed when the cluster does not respond.
_JOIN = """
import sys, ray
from firelib.ray_setup.loopback import on_loopback_if_it_listens_there
with on_loopback_if_it_listens_there(sys.argv[1]):
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
print(ray.__version__)
"""


def cluster_version(address: str, token: str | None) -> str:
    """Ask a cluster for its Ray version.

    Args:
        address: `http(s)://head:8265` (dashboard), `ray://head:10001` (client), `head:6379` (GCS) or `auto`.
        token: Authenticates to the dashboard.

    Returns:
        A version such as `2.60.0`.

    Raises:
        OSError: The cluster does not respond, or denies access.
    """
    if address.startswith(("http://", "https://")):
        return _ask_dashboard(address.rstrip("/"), token)
    if address != "auto":
        probe(address, _HTTP_TIMEOUT_SECONDS)
    return _join(address)


def _ask_dashboard(address: str, token: str | None) -> str:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{address}/api/version", headers=headers)  # noqa: S310  the caller checks the scheme
    try:
        with urllib.request.urlopen(request, timeout=_HTTP_TIMEOUT_SECONDS) as response:  # noqa: S310  the same
            return str(json.load(response)["ray_version"])
    except (HTTPException, ValueError, KeyError, TypeError):
        raise OSError("expected Ray's dashboard, got another server") from None


def _join(address: str) -> str:
    """Join the cluster in a child process, and return the version that both have."""
    command = [sys.executable, "-c", _JOIN, address]
    environment = {"RAY_AUTH_MODE": "token", **os.environ}  # the same default as in `ray_session`
    try:
        joined = subprocess.run(  # noqa: S603  our own interpreter and program
            command, capture_output=True, text=True, timeout=_JOIN_TIMEOUT_SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"no response within {_JOIN_TIMEOUT_SECONDS:g} s") from None
    if joined.returncode:
        raise OSError(joined.stderr.strip().rpartition("\n")[2] or f"exit code {joined.returncode}")
    return joined.stdout.split()[-1]
