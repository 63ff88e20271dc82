"""A stand-in of Google Cloud for each test, with a project whose services are not enabled."""

from collections.abc import Iterator

import pytest

from tests.cluster.fake_gcp import FakeCloud, fake_cloud
from tests.gcp.vertex.lab import Lab


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with fake_cloud() as running:
        running.disabled |= {"aiplatform", "artifactregistry", "cloudquotas", "iam", "secretmanager"}
        yield running


@pytest.fixture
def lab(cloud: FakeCloud) -> Lab:
    return Lab(cloud)
