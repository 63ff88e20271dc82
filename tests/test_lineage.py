"""What a record says of code and packages, in a repository and in an image."""

from firelib.config import load_params
from firelib.lineage import git_state, lineage
from tests.project import ROOT


def test_an_image_says_what_it_was_built_from(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRELIB_IMAGE_REVISION", "0a1b-dirty")
    monkeypatch.setenv("FIRELIB_IMAGE_LOCK_SHA256", "c0ffee")
    record = lineage(load_params(ROOT / "params.yaml"), tmp_path, {})
    assert record["git"] == {"revision": "0a1b", "dirty": True}
    assert record["lock_sha256"] == "c0ffee"


def test_a_repository_comes_before_the_image(monkeypatch):
    monkeypatch.setenv("FIRELIB_IMAGE_REVISION", "0a1b")
    assert len(git_state(ROOT)["revision"]) == 40


def test_without_either_nothing_is_claimed(tmp_path):
    record = lineage(load_params(ROOT / "params.yaml"), tmp_path, {})
    assert record["git"] == {"revision": None, "dirty": None}
    assert record["lock_sha256"] is None
