"""A stand-in of Google Cloud for each test, and a cluster in it."""

from collections.abc import Iterator

import pytest

from tests.cluster.fake_gcp import FakeCloud, fake_cloud
from tests.cluster.gcp_cluster import Cluster


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with fake_cloud() as running:
        yield running


@pytest.fixture
def cluster(cloud: FakeCloud) -> Cluster:
    return Cluster(cloud)
