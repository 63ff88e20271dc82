"""Queries to an image registry, which runs on loopback."""

import pytest

from firelib.launch.oci_registry import ImageConfig, read_image_config
from tests.errors import refused
from tests.launch.fake_registry import push_image, put_blob, registry


@pytest.fixture
def address(tmp_path):
    with registry(tmp_path) as running:
        yield f"{running}/lab/firelib-trainer"


def test_platform_and_labels_are_read(tmp_path, address):
    digest = push_image(tmp_path, labels={"org.firelib.component": "trainer"})
    config = read_image_config(f"{address}@{digest}")
    assert config == ImageConfig("linux", "amd64", {"org.firelib.component": "trainer"})
    assert config.runs_on_clouds


def test_an_image_without_labels_has_none(tmp_path, address):
    assert read_image_config(f"{address}@{push_image(tmp_path)}") == ImageConfig("linux", "amd64", {})


def several(folder, *architectures):
    """Push an index: an image for several platforms, each labelled with its architecture."""
    images = {name: push_image(folder, name, {"for": name}) for name in architectures}
    listed = [{"digest": digest, "platform": {"os": "linux", "architecture": name}} for name, digest in images.items()]
    return put_blob(folder, {"manifests": listed})


def test_of_an_image_for_several_platforms_ours_counts(tmp_path, address):
    config = read_image_config(f"{address}@{several(tmp_path, 'arm64', 'amd64')}")
    assert config == ImageConfig("linux", "amd64", {"for": "amd64"})


def test_an_image_for_other_platforms_only(tmp_path, address):
    config = read_image_config(f"{address}@{several(tmp_path, 'arm64', 's390x')}")
    assert config is not None
    assert config.architecture == "arm64"
    assert not config.runs_on_clouds


def test_a_missing_image_is_no_error(address):
    assert read_image_config(f"{address}@sha256:{'0' * 64}") is None


def test_an_unreachable_registry_is_named():
    with refused(where="127.0.0.1:9", remedy="host"):
        read_image_config(f"127.0.0.1:9/lab/x@sha256:{'0' * 64}")
