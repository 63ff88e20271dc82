"""The words of `make vertex`, and the file that they end up in."""

from pathlib import Path

from firelib.gcp.vertex.settings import FILE, parse_settings, read_saved
from tests.errors import refused

WORDS = {"PROJECT": "my-lab-42", "REGION": "europe-west4"}


def test_all_wrong_words_are_named() -> None:
    wrong = {"PROJECT": "My Lab", "BUCKET": "gs://x", "MACHINE": "big", "SECRET": "not a name"}
    with refused(
        what=[("PROJECT", "'My Lab'"), ("REGION", "missing"), ("BUCKET", "'gs://x'"), ("MACHINE", "'big'"), "SECRET"],
        remedy=["make vertex", "REGION"],
    ):
        parse_settings(wrong)


def test_what_follows_from_project_and_region() -> None:
    settings = parse_settings(WORDS | {"BUCKET": None, "SECRET": ""})
    assert settings.variables() == {
        "GOOGLE_CLOUD_PROJECT": "my-lab-42",
        "GOOGLE_CLOUD_REGION": "europe-west4",
        "FIRELIB_STORAGE_ROOT": "gs://my-lab-42-firelib-jobs/firelib",
        "FIRELIB_SERVICE_ACCOUNT": "firelib-jobs@my-lab-42.iam.gserviceaccount.com",
        "FIRELIB_MACHINE": "n1-standard-8",
        "REGISTRY": "europe-west4-docker.pkg.dev/my-lab-42/firelib-jobs",
    }


def test_a_later_run_knows_the_words_of_the_first(tmp_path: Path) -> None:
    first = parse_settings(WORDS | {"BUCKET": "mine", "SECRET": "WANDB_API_KEY"})
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(first.render())
    assert read_saved(tmp_path) == first.variables()
    assert parse_settings({}, read_saved(tmp_path)) == first
    assert parse_settings({"MACHINE": "g2-standard-8"}, read_saved(tmp_path)).machine == "g2-standard-8"


def test_another_project_has_a_bucket_of_its_own() -> None:
    saved = parse_settings(WORDS | {"BUCKET": "mine"}).variables()
    assert parse_settings({"PROJECT": "other-lab", "REGION": "us-east1"}, saved).bucket == "other-lab-firelib-jobs"
