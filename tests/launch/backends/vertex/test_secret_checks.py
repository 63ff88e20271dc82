"""Secrets that a job needs are looked up before it is sent; their values are not read."""

import pytest

from firelib.launch.backends.vertex.secret_checks import find_secret_problems
from tests.launch.backends.vertex.test_requests import TARGET, vertex_job
from tests.launch.fake_jobs import FakeJobs, Refusal, serving

VERSION = "projects/my-lab/secrets/wandb/versions/3"


class FakeSecrets(FakeJobs):
    """Secret Manager: name of a version → its state, or the error answer."""

    def answer(self, method, path, query, body):
        self.asked.append(f"{method} {path}")
        found = self.plays.get(path.removeprefix("/v1/"), Refusal(404, "Secret Version not found"))
        if isinstance(found, Refusal):
            raise found
        return {"name": path.removeprefix("/v1/"), "state": found}


@pytest.fixture
def service():
    with serving(FakeSecrets()) as running:
        yield running


def problems(service, *versions):
    secrets = {f"KEY_{number}": f"gcp:{version}" for number, version in enumerate(versions)}
    return list(find_secret_problems(vertex_job(secrets=secrets, target={**TARGET, "endpoint": service.url})))


def test_a_secret_that_exists(service):
    service.plays[VERSION] = "ENABLED"
    assert problems(service, VERSION) == []
    assert service.asked == [f"GET /v1/{VERSION}"], "the value is not accessed"


def test_all_missing_secrets_are_named(service):
    service.plays["projects/p/secrets/a/versions/1"] = "DESTROYED"
    first, second = problems(service, VERSION, "projects/p/secrets/a/versions/1")
    assert first.startswith(f"secrets.KEY_0: {VERSION} does not exist")
    assert "gcloud secrets versions add wandb" in first
    assert second.startswith("secrets.KEY_1:")
    assert "is destroyed" in second


def test_a_secret_that_may_not_be_looked_up_is_noted(service, capsys):
    service.plays[VERSION] = Refusal(403, "Permission 'secretmanager.versions.get' denied")
    assert problems(service, VERSION) == []
    assert "secretmanager.versions.get" in capsys.readouterr().err


def test_without_secrets_nothing_is_asked(service):
    assert problems(service) == []
    assert service.asked == []
