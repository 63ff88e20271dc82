"""`firelib doctor --to vertex` against a stand-in of Google Cloud: what is missing is named, all at once."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from firelib.doctor.finding import Finding
from firelib.gcp.vertex.docker_helper import configure
from firelib.gcp.vertex.settings import FILE
from firelib.launch.backends.vertex.prerequisites import check
from firelib.launch.backends.vertex.prerequisites.check import check_vertex
from tests.cluster.fake_gcp import TOKEN, FakeCloud, fake_cloud
from tests.cluster.fake_gcp.requests import RefusedError, Request
from tests.doctor.findings import only
from tests.gcp.vertex.lab import ACCOUNT, BUCKET, Lab
from tests.patience import patience

PROJECT = "/cloudresourcemanager/v1/projects/demo-lab"
HOST = "europe-west4-docker.pkg.dev"


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with fake_cloud() as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, cloud: FakeCloud) -> Path:
    """A prepared project on a machine with gcloud's helper."""
    lab = Lab(cloud)
    lab.set_up()
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(lab.settings.render())
    configure(tmp_path / "docker" / "config.json", HOST, dry_run=False)
    (tmp_path / "docker-credential-gcloud").touch(mode=0o755)
    return tmp_path


def diagnose(cloud: FakeCloud, project: Path, seconds: float | None = None, **environ: str) -> list[Finding]:
    own = {"GCP_ACCESS_TOKEN": TOKEN, "DOCKER_CONFIG": str(project / "docker"), "PATH": str(project)}
    limit = patience(60) if seconds is None else seconds
    return check_vertex({}, project, own | environ, cloud.api + "/{service}", limit)


def problems(findings: list[Finding]) -> dict[str, str]:
    """Name → detail of what is not ok, apart from packages, which depend on the environment of the tests."""
    return {each.name: each.detail for each in findings if each.status != "ok" and each.name != "packages"}


def test_a_prepared_project_is_ready(cloud: FakeCloud, project: Path) -> None:
    sent = list(cloud.sent)
    findings = diagnose(cloud, project)
    assert problems(findings) == {}
    assert only(findings, "bucket").detail.startswith("gs://demo-lab-firelib-jobs")
    assert cloud.sent == sent


def test_all_that_is_missing_is_named_at_once(cloud: FakeCloud, project: Path) -> None:
    cloud.disabled = {"logging"}
    cloud.resources[BUCKET]["location"] = "US-EAST1"
    cloud.resources = {path: body for path, body in cloud.resources.items() if "repositories" not in path}
    cloud.policies[PROJECT]["bindings"] = []
    cloud.permissions = {"aiplatform.customJobs.create", "logging.logEntries.list"}
    cloud.training_limits = {"cpus": 0}
    (project / "docker" / "config.json").write_text("{}")
    found = problems(diagnose(cloud, project))
    expected: Mapping[str, tuple[str, ...]] = {
        "Docker's login": (HOST,),
        "services": ("logging.googleapis.com",),
        "bucket": ("us-east1", "europe-west4"),
        "registry": (f"{HOST}/demo-lab/firelib-jobs",),
        "rights of jobs": (ACCOUNT, "roles/logging.logWriter", "roles/artifactregistry.reader"),
        "your rights": ("aiplatform.customJobs.get", "iam.serviceAccounts.actAs"),
        "quota": ("custom_model_training_cpus", "limit 0"),
    }
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert [value for value in values if value not in found[name]] == [], name


def test_nothing_was_prepared(cloud: FakeCloud, tmp_path: Path) -> None:
    findings = diagnose(cloud, tmp_path)
    settings = only(findings, "settings")
    assert "PROJECT is missing" in settings.detail
    assert settings.remedy
    assert "make vertex" in settings.remedy


def test_variables_take_precedence_over_the_file(cloud: FakeCloud, project: Path) -> None:
    found = problems(diagnose(cloud, project, FIRELIB_STORAGE_ROOT="gs://other/firelib"))
    assert "gs://other does not exist" in found["bucket"]


def test_an_account_and_a_registry_of_ones_own(cloud: FakeCloud, project: Path) -> None:
    """What others made is checked as it is; a registry that is not Google's is not asked for."""
    mine = "mine@demo-lab.iam.gserviceaccount.com"
    cloud.resources[f"/iam/v1/projects/demo-lab/serviceAccounts/{mine}"] = {"email": mine}
    own = {"FIRELIB_SERVICE_ACCOUNT": mine, "REGISTRY": "us-east1-docker.pkg.dev/other-lab/images"}
    found = problems(diagnose(cloud, project, **own))
    assert "us-east1-docker.pkg.dev/other-lab/images" in found["registry"]
    assert mine in found["rights of jobs"]
    assert "us-east1-docker.pkg.dev" in found["Docker's login"]
    assert "service account" not in found
    assert "registry" not in problems(diagnose(cloud, project, REGISTRY="ghcr.io/me"))


@pytest.mark.parametrize(
    ("environ", "name", "remedy"),
    [
        ({"GCP_ACCESS_TOKEN": "expired"}, "project", "gcloud auth login --update-adc"),
        ({"GOOGLE_CLOUD_PROJECT": "other-lab"}, "project", "gcloud projects list"),
    ],
)
def test_a_login_or_project_that_does_not_work(
    cloud: FakeCloud, project: Path, environ: dict[str, str], name: str, remedy: str
) -> None:
    finding = only(diagnose(cloud, project, **environ), name)
    assert finding.status == "error"
    assert remedy in str(finding.remedy)


def test_no_login(cloud: FakeCloud, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's own library looks for credentials: here it finds a file that does not exist."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(project / "missing.json"))
    finding = only(diagnose(cloud, project, GCP_ACCESS_TOKEN=""), "login")
    assert "missing.json" in finding.detail
    assert finding.remedy == "gcloud auth login --update-adc"


def test_a_service_that_hangs_is_given_up(cloud: FakeCloud, project: Path) -> None:
    """Transient errors without end: the others report, and the time is bounded."""

    def always_busy(request: Request) -> RefusedError | None:
        return RefusedError(503, "UNAVAILABLE", "try later") if request.service == "cloudquotas" else None

    cloud.faults = always_busy
    finding = only(diagnose(cloud, project, seconds=2.0), "quota")
    assert finding.status == "error"
    assert "no response within" in finding.detail


def test_packages_that_are_missing(cloud: FakeCloud, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_MODULES", ("google.cloud.aiplatform", "no_such_module"))
    finding = only(diagnose(cloud, project), "packages")
    assert finding.status == "error"
    assert "no_such_module" in finding.detail
    assert "make vertex" in str(finding.remedy)
