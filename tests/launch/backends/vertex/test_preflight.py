"""Preflight checks against a real registry's API and a bucket on this machine."""

import fsspec
import pytest

from firelib.launch.backends.vertex import preflight
from firelib.launch.backends.vertex.backend import VertexBackend
from firelib.launch.backends.vertex.preflight import find_preflight_problems
from tests import buckets
from tests.errors import refused
from tests.launch.backends.vertex.test_requests import vertex_job
from tests.launch.fake_registry import push_image, registry


@pytest.fixture
def address(tmp_path):
    with registry(tmp_path) as running:
        yield f"{running}/lab/firelib-trainer"


@pytest.fixture(scope="module")
def root():
    """A folder in a bucket that lies in us-central1."""
    with buckets.gcs() as uri:
        yield f"{uri}/firelib"


def missing(root, image, region="us-central1"):
    target = {"project": "my-lab", "region": region}
    return "\n".join(find_preflight_problems(vertex_job(storage_root=root, image=image, target=target)))


def test_no_problems(tmp_path, address, root):
    assert missing(root, f"{address}@{push_image(tmp_path)}") == ""


def test_all_problems_are_reported_at_once(address):
    said = missing("gs://surely-nobodys-bucket/x", f"{address}@sha256:{'0' * 64}")
    image, bucket = said.splitlines()
    assert image.startswith("image:")
    assert "make push" in image
    assert bucket.startswith("storage_root:")
    assert "surely-nobodys-bucket" in bucket


def test_an_image_of_another_architecture(tmp_path, address, root):
    assert "linux/arm64" in missing(root, f"{address}@{push_image(tmp_path, architecture='arm64')}")


def test_a_bucket_far_away(tmp_path, address, root):
    said = missing(root, f"{address}@{push_image(tmp_path)}", "europe-west4")
    assert said.startswith("target.region:")
    assert "'us-central1'" in said
    assert "'europe-west4'" in said


def test_not_logged_in(root, monkeypatch, tmp_path):
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # this is none of Google's machines
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    said = missing(root, f"europe-west4-docker.pkg.dev/lab/firelib/trainer@sha256:{'0' * 64}")
    assert said.startswith("image:")
    assert "gcloud auth application-default login" in said


def test_a_failed_preflight_submits_nothing(address, root, tmp_path):
    spec = vertex_job(storage_root=root, image=f"{address}@sha256:{'0' * 64}", project=str(tmp_path))
    with refused(
        what=[("image:", spec.image, "make push"), ("target.region:", "'us-central1'", "'europe-west4'")],
        where=spec.job_id,
    ):
        VertexBackend().submit(spec)
    fs, path = fsspec.core.url_to_fs(root)
    assert not fs.exists(path)


@pytest.fixture
def answer(monkeypatch):
    """Replaces the store's answer about a bucket."""

    class Store:
        content: object = {}

        def call(self, *_, **__):
            if isinstance(self.content, Exception):
                raise self.content
            return self.content

    store = Store()
    monkeypatch.setattr(preflight.storage, "filesystem", lambda _: (store, "bucket"))
    return store


def test_a_bucket_that_may_not_be_looked_at_is_noted(tmp_path, address, answer, capsys):
    answer.content = OSError("Forbidden: lacks storage.buckets.get access to the Google Cloud Storage bucket")
    assert missing("gs://bucket/x", f"{address}@{push_image(tmp_path)}") == ""
    assert "storage.buckets.get" in capsys.readouterr().err


def test_a_bucket_in_two_regions_of_choice(tmp_path, address, answer):
    image = f"{address}@{push_image(tmp_path)}"
    answer.content = {
        "location": "US",
        "locationType": "dual-region",
        "customPlacementConfig": {"dataLocations": ["US-EAST1", "US-WEST1"]},
    }
    assert missing("gs://bucket/x", image, "us-west1") == ""
    assert "'us-east1, us-west1'" in missing("gs://bucket/x", image, "us-central1")


@pytest.mark.parametrize(("location", "region", "fits"), [("EUR4", "europe-west4", True), ("NAM4", "us-west1", False)])
def test_a_bucket_in_a_named_pair_of_regions(tmp_path, address, answer, location, region, fits):
    answer.content = {"location": location, "locationType": "dual-region"}
    assert (missing("gs://bucket/x", f"{address}@{push_image(tmp_path)}", region) == "") is fits
