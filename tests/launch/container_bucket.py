"""A bucket on this machine that containers reach, too."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import fsspec
import pytest

from tests.buckets import gcs_server
from tests.gcs_xml import xml_api
from tests.launch.ray_head import free_ports


@contextmanager
def bucket(gateway: str, name: str = "lab") -> Iterator[tuple[str, Mapping[str, str]]]:
    """Run an empty bucket; yield a URI in it and the variables that lead containers to it.

    Args:
        gateway: This machine's address in the network of the containers.
        name: Name of the bucket.
    """
    with (
        gcs_server(gateway, free_ports(1)[0]) as server,
        xml_api(server, gateway) as proxy,  # Delta's library speaks it
        pytest.MonkeyPatch.context() as patch,
    ):
        variables = {"STORAGE_EMULATOR_HOST": proxy.url, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
        variables |= {"FSSPEC_GS_TOKEN": "anon"}  # otherwise gcsfs waits for the metadata server of Google's machines
        for variable, value in variables.items():
            patch.setenv(variable, value)
        fsspec.filesystem("gs", skip_instance_cache=True).mkdir(name)
        yield f"gs://{name}/firelib", variables
