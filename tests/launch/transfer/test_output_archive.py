"""Outputs of a stage are packed and unpacked completely, and only into the project."""

import gzip
import io
import os
import tarfile

import pytest

from firelib.launch.backends.ray.output_download import decode_archive, encode_archive
from firelib.launch.transfer import bounded_archive, output_archive
from firelib.launch.transfer.output_archive import (
    download_outputs,
    read_outputs,
    snapshot_outputs,
    unpack_outputs,
    upload_outputs,
)
from tests.errors import refused


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_only_new_and_changed_files_are_packed(tmp_path):
    there, here = tmp_path / "there", tmp_path / "here"
    write(there, "metrics/a/train.json", "old")
    write(there, "plots/a/training.csv", "old")
    write(there, "params.yaml", "same")
    before = snapshot_outputs(there)
    write(there, "plots/a/training.csv", "newer")
    write(there, "data/a/tfrecords/manifest.json", "manifest")
    write(there, "data/a/tfrecords/train-0.tfrecord", "heavy")
    write(there, "models/a/model.keras", "model")
    write(there, "recipe.py", "code")
    archive = str(tmp_path / "outputs.tar.gz")
    upload_outputs(there, before, archive)
    names = download_outputs(archive, here, "train")
    assert names == ["data/a/tfrecords/manifest.json", "models/a/model.keras", "plots/a/training.csv"]
    assert (here / "plots/a/training.csv").read_text() == "newer"


def test_an_archive_survives_a_log():
    packed = bytes(range(256)) * 9
    assert decode_archive(f"a first line\n{encode_archive(packed)}more\n") == packed


@pytest.mark.parametrize("log", ["", "error: there is no file x", encode_archive(b"abc").partition("-----END")[0]])
def test_an_incomplete_archive_is_refused(log):
    with refused(what=(log.splitlines() or ["no answer"])[-1], remedy="firelib fetch"):
        decode_archive(log)


def test_the_records_of_stages_travel_with_the_outputs(tmp_path):
    there, here = tmp_path / "there", tmp_path / "here"
    write(there, ".firelib/stages/a/job-run-1-extract.json", "of an earlier stage")
    before = snapshot_outputs(there)
    write(there, ".firelib/stages/a/job-run-1-train.json", "record")
    write(there, ".firelib/stages/a/train.json", "of no job")
    write(there, ".firelib/jobs/run-1.json", "a job of this copy")
    archive = str(tmp_path / "outputs.tar.gz")
    upload_outputs(there, before, archive)
    assert download_outputs(archive, here, "train") == [".firelib/stages/a/job-run-1-train.json"]


REFUSED = (
    *(".firelib/stages/a/train.json", ".firelib/jobs/job-x-train.json", ".firelib/stages/../x/job-x-train.json"),
    *("", ".", "..", "../evil", "/etc/evil", "data/../../evil", "data/a/../../../evil", "./data/a/lake.json"),
    *(".git/hooks/pre-commit", ".git/hooks/params.yaml", "data/.git/hooks/params.yaml", "metrics/a/.gitignore"),
    *("recipe.py", "params.yaml", "pipelines/a/params.yaml", "other/a/params.yaml", "data/lake.json", "data"),
    *("models/a/dvc.yaml", "plots/a/DVC.LOCK", "data/a/raw.dvc", "data/a/tfrecords/train-0.tfrecord"),
    *("models/a/" + "x" * 201, "models/a/" + "é" * 101, "models/" + "a/" * 19 + "x"),
    *("models/a/evil.py", "models/a/evil.SO", "plots/a\nb/c.csv", "data\\a\\lake.json", "data//lake.json", "~/x/y"),
)


def add(archive, name, content=b"abc", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    archive.addfile(info, io.BytesIO(content))


def make_archive(*names, content=b"abc", **fields):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        add(archive, "metrics/a/first.json")
        for name in names:
            add(archive, name, content, **fields)
    return packed


@pytest.mark.parametrize("name", REFUSED)
def test_paths_that_the_stage_does_not_write_are_refused(tmp_path, name):
    with refused(where="outputs.tar.gz") as caught:
        unpack_outputs(make_archive(name), tmp_path / "project", "train")
    assert repr(name) in caught.value.what
    assert not list(tmp_path.rglob("*"))


def test_only_tune_writes_parameters(tmp_path):
    names = ["metrics/a/first.json", "params.yaml", "pipelines/a/params.yaml"]
    assert unpack_outputs(make_archive(*names[1:]), tmp_path, "tune") == names


KINDS = {
    "link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "folder": tarfile.DIRTYPE,
    "contiguous": tarfile.CONTTYPE,
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_are_unpacked(tmp_path, kind):
    with refused(what="metrics/a/x"):
        unpack_outputs(make_archive("metrics/a/x", type=KINDS[kind], linkname="/etc/passwd"), tmp_path, "train")
    assert not list(tmp_path.rglob("*"))


def test_a_sparse_file_can_claim_any_size(tmp_path):
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "metrics/a/x"}
    headers["GNU.sparse.realsize"] = str(10**12)
    packed = make_archive("metrics/a/x", content=b"0\n".ljust(512, b"\0"), pax_headers=headers)
    with refused(where="outputs.tar.gz"):
        unpack_outputs(packed, tmp_path, "train")


def test_all_wrong_members_are_named_at_once(tmp_path):
    with refused(what=["data/x", ".git/config", ".."]):
        unpack_outputs(make_archive("data/x", ".git/config", ".."), tmp_path, "train")


def test_names_that_contradict_each_other_are_refused(tmp_path):
    with refused(what="metrics/a/first.json"):
        unpack_outputs(make_archive("metrics/a/first.json/x"), tmp_path, "train")
    with refused(what="metrics/a/first.json"):
        unpack_outputs(make_archive("metrics/a/first.json"), tmp_path, "train")


@pytest.mark.parametrize("twin", ["metrics/a/First.JSON", "metrics/A/first.json"])
def test_names_that_some_file_systems_take_for_one_are_refused(tmp_path, twin):
    with refused(what=twin):
        unpack_outputs(make_archive(twin), tmp_path, "train")
    composed, decomposed = "plots/a/\u00e9.csv", "plots/a/e\u0301.csv"
    with refused(what=repr(decomposed)):
        unpack_outputs(make_archive(composed, decomposed), tmp_path, "train")
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("size", ["99999999999999", "-5"])
def test_a_size_that_cannot_be_true_is_refused_at_once(tmp_path, size):
    """Looking for the end of such a file would take hours."""
    with refused(where="outputs.tar.gz"):
        unpack_outputs(make_archive("metrics/a/x", pax_headers={"size": size}), tmp_path, "train")
    assert not list(tmp_path.rglob("*"))


def test_nothing_but_files_is_replaced(tmp_path):
    (tmp_path / "plots/a/x.csv").mkdir(parents=True)
    (tmp_path / "models").write_text("mine")
    with refused(what=["plots/a/x.csv", "models/a/x"]):
        unpack_outputs(make_archive("plots/a/x.csv", "models/a/x"), tmp_path, "train")
    assert (tmp_path / "models").read_text() == "mine"
    assert not (tmp_path / "metrics").exists()


def test_limits(tmp_path, monkeypatch):
    for name, value in (("MAX_BYTES", 1 << 20), ("_OVERHEAD", 0), ("_SMALL", 1 << 18), ("MAX_FILES", 5)):
        monkeypatch.setattr(bounded_archive, name, value)
    large, suspect = os.urandom(2 << 20), bytes(1 << 19)
    for packed in (
        make_archive("metrics/a/x", content=large),
        make_archive("metrics/a/x", content=suspect),
        make_archive(*(f"metrics/a/{number}" for number in range(6))),
    ):
        with refused(where="outputs.tar.gz"):
            unpack_outputs(packed, tmp_path, "train")
    assert not list(tmp_path.rglob("*"))


def test_a_header_that_claims_a_huge_extension_takes_no_memory(tmp_path):
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 10**11
    packed = io.BytesIO(gzip.compress(info.tobuf() + bytes(40 << 20)))
    with refused(where="outputs.tar.gz"):
        unpack_outputs(packed, tmp_path, "train")


def test_damaged_archives_are_refused(tmp_path):
    whole = make_archive("metrics/a/x", content=bytes(range(256)) * 64).getvalue()
    middle = len(whole) // 2
    damaged = [b"", b"no archive", whole[:middle], whole[:-8], whole[:middle] + b"\0\0\0\0" + whole[middle + 4 :]]
    for packed in (*damaged, gzip.compress(b"no tar" * 999), whole[:-8] + bytes(8)):
        with refused(where="outputs.tar.gz"):
            unpack_outputs(io.BytesIO(packed), tmp_path, "train")
    assert not list(tmp_path.rglob("*"))


def test_an_archive_that_is_too_large_is_not_downloaded(tmp_path, monkeypatch):
    (tmp_path / "outputs.tar.gz").write_bytes(bytes(100))
    monkeypatch.setattr(output_archive, "MAX_BYTES", 99)
    with refused(where=tmp_path / "outputs.tar.gz"):
        read_outputs(str(tmp_path / "outputs.tar.gz"))


def test_hidden_files_and_programs_do_not_go_back(tmp_path):
    for name in ("data/a/.gitignore", "models/a/tool.py", "metrics/a/train.json"):
        write(tmp_path, name, "new")
    assert list(snapshot_outputs(tmp_path)) == ["metrics/a/train.json"]
