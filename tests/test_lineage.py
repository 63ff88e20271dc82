"""Lineage of the code, in a repository and in an image."""

from firelib.config import load_params
from firelib.lineage import git_state, lineage
from tests.project import ROOT


def test_image_records_its_revision(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRELIB_IMAGE_REVISION", "0a1b-dirty")
    monkeypatch.setenv("FIRELIB_IMAGE_LOCK_SHA256", "c0ffee")
    record = lineage(load_params(ROOT / "params.yaml"), tmp_path, {})
    assert record["git"] == {"revision": "0a1b", "dirty": True}
    assert record["lock_sha256"] == "c0ffee"


def test_repository_takes_precedence_over_the_image(monkeypatch):
    monkeypatch.setenv("FIRELIB_IMAGE_REVISION", "0a1b")
    assert len(git_state(ROOT)["revision"]) == 40


def test_unknown_revision_is_none(tmp_path):
    record = lineage(load_params(ROOT / "params.yaml"), tmp_path, {})
    assert record["git"] == {"revision": None, "dirty": None}
    assert record["lock_sha256"] is None
