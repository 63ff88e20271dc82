import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from firelib.data.extract import extract
from firelib.data.lake import read_lake
from firelib.data.pictures.picture_file import read_picture
from firelib.data.preview import preview_source
from firelib.data.sources.checks import check_source
from firelib.data.sources.load_table import load_table
from firelib.errors import UnreachableError
from firelib.project_layout import Paths
from firelib.recipe import Source
from tests.errors import refused
from tests.recipes.tiny import tiny_recipe


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths("tiny", str(tmp_path / "storage"), tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures of two classes, and three broken ones."""
    noise = Image.effect_noise((64, 48), 50)
    for label in ("cat", "dög"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        noise.save(tmp_path / "pictures" / label / "a.png")
        noise.save(tmp_path / "pictures" / label / "b.jpg")
    for kind in ("png", "jpeg"):
        content = io.BytesIO()
        noise.save(content, kind)
        (tmp_path / "pictures/cat" / f"cut.{kind}").write_bytes(content.getvalue()[:-200])
    (tmp_path / "pictures/cat/empty.png").touch()
    (tmp_path / "pictures/.DS_Store").touch()
    return tmp_path / "pictures"


GOOD = ["cat/a.png", "cat/b.jpg", "dög/a.png", "dög/b.jpg"]
BROKEN = {"cat/cut.png", "cat/cut.jpeg", "cat/empty.png"}


def test_a_folder_for_each_class(folder: Path, paths: Paths) -> None:
    loaded = load_table(Source(str(folder), format="images"), paths)
    assert loaded.rows["path"].to_pylist() == GOOD
    assert loaded.rows["label"].to_pylist() == ["cat", "cat", "dög", "dög"]
    assert loaded.rows["image"].to_pylist() == [(folder / name).read_bytes() for name in GOOD]
    assert set(loaded.rows["width"].to_pylist()) == {64}
    assert set(loaded.rows["height"].to_pylist()) == {48}
    assert loaded.set_aside.keys() == BROKEN
    assert set(preview_source(Source(str(folder), format="images"), paths, rows=2)["label"].to_pylist()) == {
        "cat",
        "dög",
    }


def test_a_file_with_paths(folder: Path, paths: Paths) -> None:
    (folder / "labels.csv").write_text(
        "file,score\ndög/a.png,1\ncat/gone.png,2\ncat/cut.png,3\n,4\ncat/cut.png,6\ncat/a.png,5\n"
    )
    source = Source(str(folder / "labels.csv"), images="file")
    loaded = load_table(source, paths)
    assert loaded.rows.select(["file", "score"]).to_pydict() == {"file": ["dög/a.png", "cat/a.png"], "score": [1, 5]}
    assert loaded.set_aside.keys() == {"cat/gone.png", "cat/cut.png", "row 3", "cat/cut.png, row 4"}
    assert preview_source(source, paths).num_rows == 2
    (folder / "cat/a.png").write_bytes((folder / "dög/b.jpg").read_bytes())
    assert load_table(source, paths).sha256 != loaded.sha256
    with refused(what="fille", where="labels.csv", remedy="file"):
        load_table(Source(str(folder / "labels.csv"), images="fille"), paths)


def test_paths_outside_of_the_folder_are_refused(folder: Path, paths: Paths, tmp_path: Path) -> None:
    """A table of others does not read any picture of this machine. Links below the folder are the user's own."""
    Image.new("L", (4, 4)).save(tmp_path / "outside.png")
    table, source = folder / "labels.csv", Source(str(folder / "labels.csv"), images="file")
    for name in (str(tmp_path / "outside.png"), "../outside.png", "cat/../../outside.png", ".."):
        table.write_text(f"file,score\ncat/a.png,1\n{name},2\n")
        with refused(what=["file", name], where="labels.csv", remedy="relative"):
            load_table(source, paths)
        with refused(what=["file", name], where="labels.csv", remedy="relative"):
            preview_source(source, paths)
    (folder / "link").symlink_to(tmp_path)
    table.write_text(
        "file,score\ncat/../dög/a.png,1\nlink/outside.png,2\nlink/../outside.png,3\n.,4\n\0,5\n" + "x" * 300 + ",6\n"
    )
    loaded = load_table(source, paths)
    assert loaded.rows["score"].to_pylist() == [1, 2]
    assert len(loaded.set_aside) == 4


@pytest.mark.parametrize("uri", ["sets/*/labels.csv", "sets", ("sets/a/labels.csv", "sets/b/labels.csv")])
def test_pictures_of_several_files_are_refused(
    uri: str | tuple[str, ...], paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paths in each are relative to another folder."""
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        (tmp_path / "sets" / name).mkdir(parents=True)
        (tmp_path / "sets" / name / "labels.csv").write_text("file\n1.png\n")
    source = Source(uri, images="file")
    acts: list[Callable[[], object]] = [
        lambda: check_source(source),
        lambda: load_table(source, paths),
        lambda: preview_source(source, paths),
    ]
    for act in acts:
        with refused(what=["images=", 2], where="labels.csv" if "labels" in str(uri) else "sets", remedy="source"):
            act()


def test_pictures_on_a_web_server_are_refused() -> None:
    with refused(what="images=", where="https://example.org/labels.csv"):
        check_source(Source("https://example.org/labels.csv", sha256="0" * 64, images="file"))


def test_pictures_of_a_bucket(bucket: str, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that does not exist is set aside. A bucket that does not respond is no broken picture."""
    fs, root = fsspec.core.url_to_fs(bucket)
    content = io.BytesIO()
    Image.new("L", (4, 4)).save(content, "png")
    fs.pipe_file(f"{root}/pictures/a.png", content.getvalue())
    fs.pipe_file(f"{root}/pictures/labels.csv", b"file,score\na.png,1\ngone.png,2\n")
    source = Source(f"{bucket}/pictures/labels.csv", images="file")
    loaded = load_table(source, paths)
    assert (loaded.rows["score"].to_pylist(), list(loaded.set_aside)) == ([1], ["gone.png"])
    assert preview_source(source, paths)["score"].to_pylist() == [1]

    def fail(picture: Source, downloads: Path) -> Path:
        raise UnreachableError("no answer", where=str(picture), remedy="try again")

    monkeypatch.setattr("firelib.data.sources.listed_pictures.find_fetcher", lambda _: fail)
    with refused(what="no answer", where="a.png", kind=UnreachableError):
        load_table(source, paths)
    fs.pipe_file(f"{root}/pictures/labels.csv", b"file,score\n../a.png,1\n/etc/a.png,2\n")
    with refused(what=["../a.png", "/etc/a.png"], where="labels.csv"):
        load_table(source, paths)


def test_a_picture_with_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (40, 30)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").width == 40
    monkeypatch.setattr("firelib.data.pictures.picture_file._MOST_PIXELS", 1199)
    before = warnings.filters[:]
    broken = read_picture(tmp_path / "a.png")
    assert ("40" in broken.problem, "30" in broken.problem, broken.content) == (True, True, b"")
    assert warnings.filters == before


def test_extract_counts_and_names_broken_pictures(
    folder: Path, paths: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tiny_recipe(tmp_path)
    recipe.sources = {"p": Source(str(folder), format="images")}  # type: ignore[misc]
    record = extract(recipe, paths).tables["p"]
    assert (record.rows, record.set_aside) == (4, 3)
    assert read_lake(paths.lake_json).tables["p"] == record
    said = capsys.readouterr().err
    assert all(name in said for name in ("3 of 7", *BROKEN))
    for name in BROKEN:
        (folder / name).unlink()
    extract(recipe, paths)
    assert "set_aside" not in paths.lake_json.read_text()


def test_only_broken_pictures(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/a.png").write_text("no picture")
    recipe = tiny_recipe(tmp_path)
    recipe.sources = {"p": Source(str(tmp_path / "pictures"), format="images")}  # type: ignore[misc]
    with refused(what="'p'", where="pictures"):
        extract(recipe, paths)


def test_without_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with refused(what="PIL", where=folder, remedy="firelib[pictures]"):
        check_source(Source(str(folder), format="images"))
