"""Requests that register a model, checked by Google's own message types."""

import pytest

from firelib.launch.backends.registry import validate_job
from firelib.launch.backends.vertex.model_registry import build_upload, parse_upload
from tests.errors import refused
from tests.launch.backends.vertex.test_requests import TARGET, vertex_job
from tests.launch.golden_file import same_as_before

SPEC = vertex_job(target={**TARGET, "register_model": "flights"}, labels={"team": "vision"})


def test_the_dry_run_shows_the_registration():
    found = validate_job("vertex", SPEC).request(SPEC)
    same_as_before("vertex_registration.json", found["registration"])


@pytest.mark.parametrize("exists", [False, True])
def test_googles_message_accepts_every_field(exists):
    message = parse_upload(build_upload(SPEC, "flights", "europe-west4", exists))
    model = "projects/my-lab/locations/europe-west4/models/flights"
    assert (message.model_id, message.parent_model) == (("", model) if exists else ("flights", ""))
    assert message.model.artifact_uri == "gs://bucket/firelib/jobs/train-1/output/model"
    assert message.model.container_spec.image_uri.startswith("us-docker.pkg.dev/vertex-ai/prediction/")
    assert dict(message.model.labels) == {"team": "vision", "firelib-job": "train-1"}


def test_the_output_folder_is_the_users():
    spec = vertex_job(target={**TARGET, "register_model": "flights", "output": "gs://other/place"})
    assert build_upload(spec, "flights", "europe-west4")["model"]["artifactUri"] == "gs://other/place/model"


def test_a_stage_without_a_model_registers_none():
    spec = vertex_job(command=("firelib", "transform"), target={**TARGET, "register_model": "flights"})
    with refused(what=[("target.register_model:", "firelib transform", "train or run")]):
        validate_job("vertex", spec)


@pytest.mark.parametrize("name", ["Flights", "7flights", "-f", "f" * 64])
def test_names_are_checked(name):
    with refused(what=[("target.register_model:", repr(name))]):
        validate_job("vertex", vertex_job(target={**TARGET, "register_model": name}))
