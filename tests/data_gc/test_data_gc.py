"""`firelib data gc` removes what no revision, working tree or run needs, and nothing else."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from typer.testing import CliRunner

from firelib import storage
from firelib.cli import app
from firelib.data.generations.record_store import RecordStore
from firelib.data_gc.plan import Decision, Limits, plan_removal, removed
from firelib.data_gc.references import find_references
from firelib.data_gc.remove import remove_files
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest
from firelib.tfrecord.read.dataset import open_dataset
from tests import buckets
from tests.data_gc.made_project import MadeProject
from tests.errors import refused
from tests.project import ROOT
from tests.unreliable import unreliable

NOW = Limits(days=0)


@pytest.fixture
def project(tmp_path: Path) -> MadeProject:
    folder = tmp_path / "project"
    folder.mkdir()
    return MadeProject(folder, str(folder / "storage"))


@pytest.fixture
def states(project: MadeProject) -> dict[str, Manifest]:
    """A tagged state, one of a branch that was deleted, one that was never committed, and the working tree."""
    states = {"tag": project.commit(30, "v1")}
    project.git("checkout", "-qb", "other")
    states["deleted branch"] = project.commit(40)
    states["nobody's"] = project.make(50)
    project.git("checkout", "-qf", "-")
    project.git("branch", "-qD", "other")
    states["working tree"] = project.make(60)
    return states


def plan(project: MadeProject, limits: Limits = NOW) -> list[Decision]:
    return plan_removal([project.paths.root], find_references(project.folder), limits)


def names(decisions: list[Decision], kind: str) -> set[str]:
    return {decision.item.name for decision in removed(decisions) if decision.item.kind == kind}


def files(decisions: list[Decision], kind: str) -> set[str]:
    """Names of the files that go from the folder of the recipe."""
    return {file for decision in removed(decisions) if decision.item.kind == kind for file in decision.files}


def objects_of(manifest: Manifest) -> set[str]:
    return {f"{manifest.sha256}.json", *(manifest.file_names - {MANIFEST_NAME})}


def stored_manifest(project: MadeProject, manifest: Manifest) -> str:
    return storage.join(project.paths.shards, f"{manifest.sha256}.json")


def find_records(project: MadeProject, manifest: Manifest) -> list[str]:
    """The record of the generation with a dataset's shards, if it can be read, and whether it has keys."""
    store, name = RecordStore(project.paths), storage.sha256_json({"generation of": manifest.sha256})
    return [what for what, found in (("record", store.read(name)), ("keys", store.read_keys(name))) if found]


def test_only_what_nothing_needs_goes(project: MadeProject, states: dict[str, Manifest]) -> None:
    decisions = plan(project)
    assert files(decisions, "shards") == objects_of(states["nobody's"])
    assert sorted(name.partition(".")[2] for name in files(decisions, "records")) == [
        "keys",
        "keys.json",
        "words",
        "zip",
    ]
    tables = [decision for decision in decisions if decision.item.kind == "table"]
    assert sorted(len(decision.files) > 0 for decision in tables) == [False, False, True]
    freed = remove_files(removed(decisions))
    assert freed == sum(decision.nbytes for decision in decisions) > 0
    for name, manifest in states.items():
        uri = stored_manifest(project, manifest)
        assert storage.exists(uri) is (name != "nobody's")
        assert find_records(project, manifest) == ([] if name == "nobody's" else ["record", "keys"])
        if name != "nobody's":
            assert open_dataset(uri).rows("train") == manifest.splits["train"].rows
    assert not list(removed(plan(project)))


def test_what_was_written_lately_stays(project: MadeProject, states: dict[str, Manifest]) -> None:
    decisions = plan(project, Limits(days=1))
    assert not list(removed(decisions))
    assert any("young" in decision.reason for decision in decisions)


def test_no_setting_of_git_hides_a_revision(project: MadeProject) -> None:
    """Contents of the first commit, of a side branch that a merge has dropped, and of the merge alone."""
    project.commit(30)
    first = project.git("rev-parse", "--abbrev-ref", "HEAD").strip()
    project.git("checkout", "-qb", "side")
    project.commit(40)
    project.git("checkout", "-qf", first)
    project.git("merge", "-q", "--no-commit", "-s", "ours", "--no-ff", "side")
    project.commit(50)
    project.commit(60)
    project.git("branch", "-qD", "side")
    project.git("reflog", "expire", "--expire=now", "--all")
    for name, value in (("showRoot", "false"), ("diffMerges", "off"), ("showSignature", "true")):
        project.git("config", f"log.{name}", value)
    assert not list(removed(plan(project)))


def test_what_another_working_tree_needs_stays(project: MadeProject, tmp_path: Path) -> None:
    """Its state was never committed, and only its own cache of DVC may have it."""
    other = tmp_path / "other tree"
    project.commit(30)
    project.git("worktree", "add", "-q", "--detach", str(other))
    project.make(40)
    shutil.copytree(project.folder / "data", other / "data", dirs_exist_ok=True)
    shutil.copy(project.folder / "dvc.lock", other)
    unneeded = project.make(50)
    project.make(30)
    assert files(plan(project), "shards") == objects_of(unneeded)
    shutil.move(project.folder / ".dvc" / "cache", other / ".dvc" / "cache")
    references = find_references(project.folder)
    assert references.unknown == []
    assert {manifest.splits["train"].rows for manifest in references.manifests} == {30, 40}


def test_nothing_goes_while_a_revision_cannot_be_read(
    project: MadeProject, states: dict[str, Manifest], tmp_path: Path
) -> None:
    """Without DVC's cache, its remote is asked; without both, nobody knows what the revision needs."""
    from dvc.repo import Repo

    config = project.folder / ".dvc" / "config"
    config.write_text(f"[core]\n    remote = there\n['remote \"there\"']\n    url = {tmp_path / 'remote'}\n")
    with Repo(str(project.folder)) as repo:
        repo.push(all_commits=True)
    shutil.rmtree(project.folder / ".dvc" / "cache")
    assert find_references(project.folder).unknown != []  # the deleted branch is in no remote
    config.write_text("")
    references = find_references(project.folder)
    assert any("lake.json" in problem for problem in references.unknown)
    assert any("tfrecords" in problem for problem in references.unknown)
    assert not list(removed(plan(project)))


def test_remote_is_asked_for_what_the_cache_lacks(project: MadeProject, tmp_path: Path) -> None:
    from dvc.repo import Repo

    manifest = project.commit(30)
    (project.folder / ".dvc" / "config").write_text(
        f"[core]\n    remote = there\n['remote \"there\"']\n    url = {tmp_path / 'remote'}\n"
    )
    with Repo(str(project.folder)) as repo:
        repo.push()
    for folder in (".dvc/cache", "data"):
        shutil.rmtree(project.folder / folder)
    references = find_references(project.folder)
    assert references.unknown == []
    assert [found.sha256 for found in references.manifests] == [manifest.sha256]
    assert [lake.recipe for lake in references.lakes] == ["small"]


def test_a_remote_without_its_package_names_the_extra(project: MadeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project.commit(30)
    config = "[core]\n    remote = there\n['remote \"there\"']\n    url = s3://bucket/dvc\n"
    (project.folder / ".dvc" / "config").write_text(config)
    monkeypatch.setitem(sys.modules, "dvc_s3", None)
    with refused(what="dvc_s3", where="s3://bucket/dvc", remedy="firelib[dvc-s3]"):
        find_references(project.folder)


@pytest.mark.slow
def test_a_remote_that_cannot_be_read_ends_it(project: MadeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project.commit(30)
    with buckets.s3() as uri, unreliable(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        config = f"[core]\n    remote = there\n['remote \"there\"']\n    url = {uri}/dvc\n"
        (project.folder / ".dvc" / "config").write_text(config)
        shutil.rmtree(project.folder / ".dvc" / "cache")
        proxy.share, proxy.error = 1.0, "AccessDenied"
        with refused(where=uri, remedy="s3:GetObject", kind=storage.BucketError):
            find_references(project.folder)


def test_a_manifest_of_a_newer_format_keeps_everything(project: MadeProject, states: dict[str, Manifest]) -> None:
    file = project.folder / "data" / "newer" / "tfrecords" / "manifest.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({**json.loads(states["tag"].to_json()), "format": 99}))
    references = find_references(project.folder)
    assert [str(file.relative_to(project.folder)) in problem for problem in references.unknown] == [True]
    assert not list(removed(plan(project)))


def test_files_of_others_stay(project: MadeProject, states: dict[str, Manifest]) -> None:
    storage.write_bytes(storage.join(project.paths.shards, "notes.txt"), b"mine")
    storage.write_bytes(storage.join(project.paths.records, "notes.txt"), b"mine")
    storage.write_bytes(storage.join(project.paths.datasets, "mine", "train-0-0-0.tfrecord"), b"1")
    decisions = plan(project)
    assert files(decisions, "shards") == objects_of(states["nobody's"])
    assert "notes.txt" not in files(decisions, "records")


def test_a_dataset_of_an_earlier_version_goes_as_a_whole(project: MadeProject, states: dict[str, Manifest]) -> None:
    """Earlier versions stored each dataset in a folder of its own."""
    for state in ("tag", "nobody's"):
        manifest = states[state]
        folder = storage.join(project.paths.datasets, manifest.sha256)
        storage.write_bytes(storage.join(folder, MANIFEST_NAME), manifest.to_json())
        for name in manifest.file_names - {MANIFEST_NAME}:
            storage.write_bytes(storage.join(folder, name), b"")
    assert names(plan(project), "dataset") == {states["nobody's"].sha256}
    storage.write_bytes(storage.join(project.paths.datasets, states["nobody's"].sha256, "notes.txt"), b"mine")
    assert names(plan(project), "dataset") == set()


def test_what_young_manifests_and_records_name_stays(project: MadeProject, states: dict[str, Manifest]) -> None:
    """A transform has found old shards, and its manifest is not in the working tree yet."""
    manifest = states["nobody's"]
    (shard,) = manifest.splits["train"].shards
    day_old = time.time() - 86_400
    record = next(Path(project.paths.records).glob(f"{storage.sha256_json({'generation of': manifest.sha256})}.zip"))
    for youngest in (Path(stored_manifest(project, manifest)), record):
        for path in Path(project.paths.root).rglob("*"):
            os.utime(path, (day_old, day_old))
        assert shard.name in files(plan(project, Limits(days=0.5)), "shards")
        os.utime(youngest)
        decisions = plan(project, Limits(days=0.5))
        assert shard.name not in files(decisions, "shards")
        assert files(decisions, "records") == set()


def test_runs_keep_what_they_were_trained_on(project: MadeProject, states: dict[str, Manifest]) -> None:
    run = storage.join(project.paths.runs, "small-0123456789ab")
    inputs = storage.join(run, "inputs.json")
    storage.write_bytes(inputs, storage.to_json({"manifest_sha256": states["nobody's"].sha256}))
    storage.write_bytes(storage.join(run, "step-0000000001", "state.npz"), b"1")
    assert files(plan(project), "shards") == files(plan(project), "records") == set()
    everything = plan(project, Limits(days=0, runs=True))
    assert names(everything, "run") == {"small-0123456789ab"}
    assert files(everything, "shards") == objects_of(states["nobody's"])
    lineage = project.folder / "models" / "small" / "lineage.json"
    lineage.parent.mkdir(parents=True)
    lineage.write_text(json.dumps({"data": {"run": "small-0123456789ab"}}))
    assert names(plan(project, Limits(days=0, runs=True)), "run") == set()
    storage.remove_file(inputs)  # a run of an earlier version
    assert not list(removed(plan(project)))


def test_the_command_lists_first_and_removes_when_told(
    project: MadeProject, states: dict[str, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "params.yaml", project.folder)
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("FIRELIB_STORAGE_ROOT", project.paths.root)
    unneeded = stored_manifest(project, states["nobody's"])

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["data", "gc", *words], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    run()
    run("--keep-days", "0")
    run("--yes")
    assert storage.exists(unneeded)
    run("--keep-days", "0", "--yes")
    assert not storage.exists(unneeded)


def test_clones_that_do_not_know_all_revisions_are_refused(
    project: MadeProject, states: dict[str, Manifest], tmp_path: Path
) -> None:
    project.git("clone", "-q", "--depth", "1", f"file://{project.folder}", str(tmp_path / "shallow"))
    with refused(what="shallow", where=tmp_path / "shallow", remedy="git fetch"):
        find_references(tmp_path / "shallow")
    (tmp_path / "alone").mkdir()
    with refused(what="git", where=tmp_path / "alone", remedy="git"):
        find_references(tmp_path / "alone")


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[MadeProject]:
    yield MadeProject(tmp_path, f"memory://{tmp_path.name}/ünï code")
    fsspec.filesystem("memory").store.clear()


def check_remote(project: MadeProject) -> None:
    needed, unneeded = project.commit(30), project.make(40)
    project.git("checkout", "-qf", ".")
    project.make(30)
    decisions = plan(project)
    assert files(decisions, "shards") == objects_of(unneeded)
    remove_files(removed(decisions))
    assert storage.sizes(project.paths.shards, []).keys() == objects_of(needed)
    assert find_records(project, needed) == ["record", "keys"]
    assert find_records(project, unneeded) == []
    assert open_dataset(stored_manifest(project, needed)).rows("train") == 30


def test_datasets_in_memory(remote: MadeProject) -> None:
    check_remote(remote)


def test_datasets_in_a_bucket(bucket: str, tmp_path: Path) -> None:
    check_remote(MadeProject(tmp_path, f"{bucket}/gc"))
