import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib import storage
from tests.errors import refused
from tests.full_disk import small_disk

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("storage", "{cwd}/storage"),
        ("./storage/", "{cwd}/storage"),
        ("/data/x", "/data/x"),
        ("file:///data/x", "/data/x"),
        ("local:///data/x", "/data/x"),
        ("~/x", "{home}/x"),
        ("gs://bucket/prefix/", "gs://bucket/prefix"),
        ("s3://bucket", "s3://bucket"),
    ],
)
def test_absolute_means_the_same_from_anywhere(uri: str, expected: str) -> None:
    assert storage.absolute(uri) == expected.format(cwd=Path.cwd(), home=Path.home())


def test_join_needs_no_care_for_slashes() -> None:
    assert storage.join("gs://bucket/", "a", "b") == "gs://bucket/a/b"


@pytest.mark.parametrize("scheme", ["local", "memory"])
def test_a_file_comes_back_as_it_was_written(tmp_path: Path, scheme: str) -> None:
    folder = str(tmp_path / "deep" / "er") if scheme == "local" else f"memory://{tmp_path}"
    uri = storage.join(folder, "value.json")
    storage.write_bytes(uri, storage.to_json({"a": 1}))
    storage.write_bytes(uri, storage.to_json({"b": 2}))
    assert storage.exists(uri)
    assert storage.read_json(uri) == {"b": 2}
    fs, path = fsspec.core.url_to_fs(folder)
    assert [Path(name).name for name in fs.ls(path, detail=False)] == ["value.json"]
    storage.remove_folder(folder)
    storage.remove_folder(folder)
    assert not storage.exists(uri)


def test_object_stores(bucket: str) -> None:
    folder = storage.join(bucket, "deep", "er")
    uri = storage.join(folder, "value.json")
    assert not storage.exists(uri)
    assert storage.sizes(folder, ["value.json"]) == {}
    with refused(what=uri, remedy="dvc dag"):
        storage.read_json(uri)
    for value in ({"a": 1}, {"b": 22}):
        storage.write_bytes(uri, storage.to_json(value))
        assert storage.read_json(uri) == value
        assert storage.exists(uri)
    content = storage.read_bytes(uri)
    assert storage.sizes(folder, ["value.json", "other"]) == {"value.json": len(content)}
    assert storage.read_ranges([(uri, 0, 3), (uri, 4, 9)]) == [content[:3], content[4:9]]
    assert (storage.read_head(uri, 5), storage.read_head(uri, 999)) == (content[:5], content)
    storage.make_folder(folder)
    storage.remove_folder(folder)
    storage.remove_folder(folder)
    assert not storage.exists(uri)


def test_what_another_process_wrote_is_seen(bucket: str) -> None:
    folder = storage.join(bucket, "shared")
    storage.write_bytes(storage.join(folder, "one"), b"1")
    assert set(storage.sizes(folder, [])) == {"one"}
    write = f"from firelib import storage; storage.write_bytes({storage.join(folder, 'two')!r}, b'22')"
    subprocess.run([sys.executable, "-c", write], check=True, timeout=120)
    assert storage.exists(storage.join(folder, "two"))
    assert storage.sizes(folder, []) == {"one": 1, "two": 2}


def test_a_scheme_without_its_package_says_what_to_install() -> None:
    with refused(where="adl://account/file", remedy="install"):
        storage.exists("adl://account/file")


def test_missing_and_torn_json_say_how_to_make_it_again(tmp_path: Path) -> None:
    file = tmp_path / "lake.json"
    with refused(what=file, remedy=["stage", "dvc dag"]):
        storage.read_json(str(file))
    file.write_text('{"a": ')
    with refused(what=[file, "JSON", "column 7"], remedy=["delete", "stage"]):
        storage.read_json(str(file))
    file.write_bytes(b"\xff\xff")
    with refused(what=[file, "JSON", "0xff"], remedy=["delete", "stage"]):
        storage.read_json(str(file))


@given(st.dictionaries(st.text(), JSON, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_json_depends_on_the_value_alone(value: dict[str, object], random: object) -> None:
    names = list(value)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert storage.to_json({name: value[name] for name in names}) == storage.to_json(value)
    assert storage.sha256_json(value) == hashlib.sha256(storage.to_json(value)).hexdigest()


def test_hash_of_a_file_longer_than_a_chunk(tmp_path: Path) -> None:
    content = os.urandom(3 * 2**20 + 7)
    (tmp_path / "big").write_bytes(content)
    assert storage.sha256_file(tmp_path / "big") == hashlib.sha256(content).hexdigest()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def publish(final: Path, content: str) -> None:
    with storage.publish_folder(final) as work:
        (work / "content").write_text(content)
        assert not final.exists() or (final / "content").read_text() != content


def test_a_folder_is_published_whole_and_replaced_whole(tmp_path: Path) -> None:
    final = tmp_path / "new" / "model"
    publish(final, "one")
    (final / "extra").touch()
    publish(final, "two")
    assert names(final) == {"content"}
    assert (final / "content").read_text() == "two"
    assert names(tmp_path / "new") == {"model"}
    assert final.stat().st_mode & 0o777 == 0o755


def test_a_failing_block_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    publish(tmp_path / "model", "one")
    with pytest.raises(IsADirectoryError), storage.publish_folder(tmp_path / "model") as work:
        work.write_text("half of it is there, then this fails")
    assert (tmp_path / "model" / "content").read_text() == "one"
    assert names(tmp_path) == {"model"}


def test_a_killed_run_leaves_the_old_folder_and_the_next_one_clears_up(tmp_path: Path) -> None:
    publish(tmp_path / "model", "one")
    code = f"""
import os, signal
from pathlib import Path
from firelib.storage import publish_folder
with publish_folder(Path({str(tmp_path / "model")!r})) as work:
    (work / "content").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "model" / "content").read_text() == "one"
    assert len(names(tmp_path)) == 2
    publish(tmp_path / "model", "two")
    assert names(tmp_path) == {"model"}


def test_clearing_up_touches_no_neighbour(tmp_path: Path) -> None:
    """`flights.v2` is being written while `flights` is published; `[a]` is no pattern."""
    with storage.publish_folder(tmp_path / "flights.v2") as work:
        (work / "content").write_text("safe")
        publish(tmp_path / "flights", "one")
        (tmp_path / ".flights.notes.tmp").write_text("a file of someone else")
        publish(tmp_path / "flights", "two")
    publish(tmp_path / "[a]", "one")
    assert (tmp_path / "flights.v2" / "content").read_text() == "safe"
    assert names(tmp_path) == {"flights", "flights.v2", "[a]", ".flights.notes.tmp"}


def test_a_link_to_another_disk_stays_a_link(tmp_path: Path) -> None:
    publish(tmp_path / "big" / "model", "zero")
    (tmp_path / "model").symlink_to(tmp_path / "big" / "model")
    publish(tmp_path / "model", "one")
    assert (tmp_path / "model").is_symlink()
    assert (tmp_path / "big" / "model" / "content").read_text() == "one"
    assert names(tmp_path / "big") == {"model"}


def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("precious")
    with refused(what=["file", "folder"], where=tmp_path / "model"):
        publish(tmp_path / "model", "one")
    assert (tmp_path / "model").read_text() == "precious"


def test_a_full_disk_is_explained_and_the_old_file_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64):
        storage.write_bytes(str(tmp_path / "disk" / "value"), b"old")
        with refused(what="disk", where=tmp_path / "disk" / "value", remedy="space"):
            storage.write_bytes(str(tmp_path / "disk" / "value"), bytes(2**20))
        assert names(tmp_path / "disk") == {"value"}
        assert storage.read_bytes(str(tmp_path / "disk" / "value")) == b"old"


def test_other_errors_of_the_system_pass() -> None:
    with pytest.raises(PermissionError), storage.explain_full_disk("somewhere"):
        raise PermissionError(errno.EACCES, "no")


def test_a_full_disk_known_by_its_text_alone() -> None:
    with refused(what="disk", where="somewhere", remedy="space"), storage.explain_full_disk("somewhere"):
        raise RuntimeError("Generic LocalFileSystem error: No space left on device (os error 28)")
