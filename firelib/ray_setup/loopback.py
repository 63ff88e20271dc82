"""Keep Ray on loopback: by default its servers listen on all addresses of the machine.

Ray 2.60 listens on loopback only if the node's address is 127.0.0.1, but replaces this address by that of a network
interface wherever it is given (`ray/_private/services.py`, `resolve_ip_for_localhost`). These patches keep it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from firelib.ray_setup.probe import probe

LOOPBACK = "127.0.0.1"


@contextmanager
def on_loopback() -> Iterator[None]:
    """Let Ray use 127.0.0.1 as it is, wherever it starts or connects inside the block."""
    from ray._private import services

    with patch.object(services, "resolve_ip_for_localhost", _keep):
        yield


@contextmanager
def on_loopback_if_it_listens_there(address: str) -> Iterator[None]:
    """Let Ray use a loopback address as it is if no Ray responds at the same port of the network interface.

    Args:
        address: `host:port` of a GCS.
    """
    if _listens_on_loopback_only(address):
        with on_loopback():
            yield
    else:
        yield


def _listens_on_loopback_only(address: str) -> bool:
    from ray._private import services

    host, _, port = address.rpartition(":")
    if host not in (LOOPBACK, "localhost"):
        return False
    try:
        probe(f"{services.resolve_ip_for_localhost(host)}:{port}")
    except OSError:
        return True
    return False


def _keep(host: str) -> str:
    return LOOPBACK if host == "localhost" else host
