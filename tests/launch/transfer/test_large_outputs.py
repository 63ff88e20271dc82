"""Outputs of any size come back: the large ones beside the archive; a finished job never fails because of them."""

import io
import json
import tarfile

import fsspec
import pytest

from firelib import storage
from firelib.launch.transfer import large_outputs
from firelib.launch.transfer.large_outputs import LISTING, choose_large, large_folder
from firelib.launch.transfer.output_archive import download_outputs, read_outputs, unpack_outputs, upload_outputs
from tests.errors import refused


@pytest.fixture(autouse=True)
def _limits(monkeypatch):
    monkeypatch.setattr(large_outputs, "_MOST_BYTES", 1000)
    monkeypatch.setattr(large_outputs, "_MOST_FILES", 4)


@pytest.fixture(params=["folder", "bucket"])
def archive(request, tmp_path):
    root = str(tmp_path / "root") if request.param == "folder" else f"memory://{tmp_path.name}"
    yield f"{root}/jobs/train-1/outputs.tar.gz"
    fsspec.filesystem("memory").store.clear()


def write(folder, **sizes):
    for name, size in sizes.items():
        path = folder / "models/a" / f"{name}.keras"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * size)


def content(folder):
    return {path.name: path.read_bytes() for path in (folder / "models/a").iterdir()}


def test_a_large_model_comes_back_beside_the_archive(tmp_path, archive, capsys):
    write(tmp_path / "there", a=5000, b=400, c=2000)
    upload_outputs(tmp_path / "there", {}, archive)
    assert f"{large_folder(archive)}/models/a/a.keras" in capsys.readouterr().err
    with tarfile.open(fileobj=read_outputs(archive), mode="r:gz") as packed:
        assert packed.getnames() == [LISTING, "models/a/b.keras"]
    names = download_outputs(archive, tmp_path / "here", "train")
    assert sorted(names) == [f"models/a/{name}.keras" for name in "abc"]
    assert content(tmp_path / "here") == content(tmp_path / "there")


def test_small_outputs_are_in_the_archive_only(tmp_path, archive):
    write(tmp_path, a=400, b=400)
    upload_outputs(tmp_path, {}, archive)
    assert not storage.exists(large_folder(archive))


def test_outputs_that_cannot_be_read_from_here_are_named(tmp_path, archive, capsys):
    write(tmp_path / "there", a=5000, b=4)
    upload_outputs(tmp_path / "there", {}, archive)
    for folder in (None, f"{tmp_path}/elsewhere"):
        assert unpack_outputs(read_outputs(archive), tmp_path / "here", "train", folder) == ["models/a/b.keras"]
        assert "models/a/a.keras" in capsys.readouterr().err
    assert list(content(tmp_path / "here")) == ["b.keras"]


def test_an_older_model_is_not_taken_for_the_new_one(tmp_path, archive):
    write(tmp_path / "there", a=5000, b=4)
    write(tmp_path / "here", a=4000)
    upload_outputs(tmp_path / "there", {}, archive)
    with refused(what="models/a/a.keras", remedy="copy it"):
        unpack_outputs(read_outputs(archive), tmp_path / "here", "train", None)


def test_a_damaged_file_is_not_put_into_the_project(tmp_path, archive):
    write(tmp_path / "there", a=5000)
    upload_outputs(tmp_path / "there", {}, archive)
    uri = f"{large_folder(archive)}/models/a/a.keras"
    storage.write_bytes(uri, b"b" * 5000)
    with refused(what="models/a/a.keras", where=uri, remedy="fetch"):
        download_outputs(archive, tmp_path / "here", "train")
    assert content(tmp_path / "here") == {}


def list_file(name, text=None):
    """Make an archive whose list names one file."""
    listed = text or json.dumps([{"name": name, "bytes": 1, "sha256": "0"}]).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo(LISTING)
        info.size = len(listed)
        archive.addfile(info, io.BytesIO(listed))
    return packed


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "recipe.py", "models/a/evil.py", ".git/config", "data/x"])
def test_a_list_cannot_name_other_files(tmp_path, name):
    (tmp_path / "large").mkdir()
    with refused(where="outputs.tar.gz") as caught:
        unpack_outputs(list_file(name), tmp_path / "here", "train", str(tmp_path / "large"))
    assert repr(name) in caught.value.what


@pytest.mark.parametrize("text", [b"no JSON", b"{}", b'[{"name": "models/a/x"}]'])
def test_a_list_of_another_form_is_refused(tmp_path, text):
    with refused(what=LISTING, where="outputs.tar.gz"):
        unpack_outputs(list_file("", text), tmp_path, "train", str(tmp_path))


def test_the_largest_files_stay_beside_the_archive():
    assert choose_large({"a": 600, "b": 300, "c": 50}) == []
    assert choose_large({"a": 600, "b": 300, "c": 500}) == ["a"]
    assert choose_large(dict.fromkeys("abcdef", 1)) == ["a", "b"]  # too many files
