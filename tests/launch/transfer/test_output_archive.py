"""Outputs of a stage are packed and unpacked completely, and only into the project."""

import io
import tarfile

import pytest

from firelib.launch.backends.ray.output_download import decode_archive, encode_archive
from firelib.launch.transfer.output_archive import pack_outputs, snapshot_outputs, unpack_outputs
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
    names = unpack_outputs(pack_outputs(there, before), here)
    assert names == ["data/a/tfrecords/manifest.json", "models/a/model.keras", "plots/a/training.csv"]
    assert (here / "plots/a/training.csv").read_text() == "newer"


def test_an_archive_survives_a_log():
    packed = bytes(range(256)) * 9
    assert decode_archive(f"a first line\n{encode_archive(packed)}more\n") == packed


@pytest.mark.parametrize("log", ["", "error: there is no file x", encode_archive(b"abc").partition("-----END")[0]])
def test_an_incomplete_archive_is_refused(log):
    with refused(what=(log.splitlines() or ["no answer"])[-1], remedy="firelib fetch"):
        decode_archive(log)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "data/../../evil", ".git/hooks/pre-commit", "recipe.py"])
def test_paths_outside_the_outputs_are_refused(tmp_path, name):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    with refused(what=repr(name)):
        unpack_outputs(packed.getvalue(), tmp_path / "project")
    assert not list(tmp_path.rglob("evil"))
