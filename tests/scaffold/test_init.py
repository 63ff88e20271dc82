"""New projects: their recipes load and transform all rows; nothing that is there is overwritten."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from firelib.config import load_params
from firelib.data.preview import preview_samples
from firelib.dvc_pipeline.dvc_file import DvcFile
from firelib.errors import FirelibError
from firelib.evaluate.input_rows.read import read_rows
from firelib.evaluate.input_rows.validation import validate
from firelib.project_layout import Paths
from firelib.recipe import TaskKind, infer_task, load_recipe
from firelib.scaffold.data.data_source import Wish
from firelib.scaffold.data.examples import KINDS
from firelib.scaffold.init import plan_example, plan_project
from firelib.scaffold.repository import init_repositories
from firelib.scaffold.write_files import write_files
from firelib.tune.space import validate_space
from tests.errors import refused
from tests.patience import patience
from tests.scaffold.tables import ROWS, TABLES, write

TASKS = {
    "binary": TaskKind.BINARY,
    "regression": TaskKind.REGRESSION,
    "multiclass": TaskKind.MULTICLASS,
    "multilabel": TaskKind.MULTILABEL,
    "label_lists": TaskKind.MULTILABEL,
    "text": TaskKind.MULTICLASS,
    "series": TaskKind.REGRESSION,
    "lists": TaskKind.BINARY,
    "objects": TaskKind.MULTICLASS,
    "wide": TaskKind.BINARY,
}


def start(folder: Path, origin: str | Path, *labels: str, **wish: str):
    """A project without repositories, which take seconds."""
    project = plan_project(folder, Wish(str(origin), **wish), labels)
    write_files(folder, project.texts, project.copies)
    return project.draft


def check(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: int = ROWS):
    """The recipe loads, all rows are valid, and dvc.yaml is in step."""
    monkeypatch.chdir(folder)
    recipe, params = load_recipe("recipe.py"), load_params(Path("params.yaml"))
    validate_space(recipe, params)
    samples = preview_samples(recipe, folder, rows)
    assert (samples.valid.num_rows, samples.set_aside.num_rows) == (rows, 0)
    paths = Paths(recipe.name, str(folder / "storage"), folder)
    assert DvcFile(recipe, params, paths, folder / "dvc.yaml").compare() == []
    return recipe


@pytest.mark.parametrize("name", TABLES)
def test_recipe_works_on_all_rows(tmp_path, monkeypatch, name):
    path, label = write(name, tmp_path / "data")
    start(tmp_path / "p", path, label)
    recipe = check(tmp_path / "p", monkeypatch)
    assert infer_task(recipe.label) is TASKS[name]
    assert len((tmp_path / "p/recipe.py").read_text().splitlines()) <= 80


@pytest.mark.parametrize("name", TABLES)
def test_raw_rows_can_be_scored(tmp_path, monkeypatch, name):
    """`firelib predict` takes the data as they are: it applies the recipe's `prepare`."""
    path, label = write(name, tmp_path / "data")
    start(tmp_path / "p", path, label)
    monkeypatch.chdir(tmp_path / "p")
    recipe = load_recipe("recipe.py")
    columns = validate(read_rows(str(path), recipe), recipe.features)
    assert {len(column) for column in columns.values()} == {ROWS}


@pytest.mark.parametrize("kind", KINDS)
def test_example_of_each_kind(tmp_path, monkeypatch, kind):
    project = plan_example(tmp_path / "p", kind, tmp_path / "scratch")
    write_files(tmp_path / "p", project.texts, project.copies)
    check(tmp_path / "p", monkeypatch, 60)


def test_fields_of_objects_are_features(tmp_path, monkeypatch):
    path, label = write("objects", tmp_path / "data")
    lines = tmp_path / "data/objects.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in pq.read_table(path).to_pylist()))
    draft = start(tmp_path / "p", lines, label)
    names = {feature.name for feature in draft.features}
    assert {"request_path_to", "request_size", "request_agent_name", "request_agent_is_bot", "at_hour"} <= names
    recipe = check(tmp_path / "p", monkeypatch)
    rows = json.dumps(
        [{"at": "2025-03-05T10:00:00Z", "request": {"size": 4}}, {"at": "2025-03-06T10:00:00+01:00", "request": None}]
    )
    columns = validate(read_rows(rows, recipe), recipe.features)
    assert columns["request_size"][0] == 4
    assert np.isnan(columns["request_size"][1])


def test_files_may_lack_columns(tmp_path, monkeypatch):
    """The third month of a series has a column more."""
    (tmp_path / "months").mkdir()
    for month in range(4):
        header = "hour,load" + (",wind" if month > 1 else "")
        lines = [f"{100 * month + hour},{hour * 7 % 11}.5{',3.5' if month > 1 else ''}" for hour in range(30)]
        (tmp_path / f"months/{month}.csv").write_text("\n".join([header, *lines]) + "\n")
    project = plan_project(tmp_path / "p", Wish(str(tmp_path / "months")), ["load"])
    write_files(tmp_path / "p", project.texts, project.copies)
    assert any("'wind' is missing in 2 of 4 files" in line for line in project.guesses)
    recipe = check(tmp_path / "p", monkeypatch)
    assert recipe.sources["rows"].union
    assert {feature.name: feature.nullable for feature in recipe.features}["wind"]


def test_pictures_of_many_sizes_get_one_in_the_middle(tmp_path):
    for number in range(12):
        file = tmp_path / f"pictures/{'ab'[number % 2]}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + 2 * number, 60 + number)).save(file)
    (tmp_path / "pictures/a/broken.png").write_bytes(b"\x89PNG")
    project = plan_project(tmp_path / "p", Wish(str(tmp_path / "pictures")), [])
    assert project.draft.picture_shape == (65, 30, 3)
    assert [line for line in project.guesses if "1 of 13 files" in line]
    assert [line for line in project.guesses if line.startswith("pictures") and "65 × 30" in line]


def test_same_data_same_files(tmp_path):
    path, label = write("binary", tmp_path)
    first, second = (plan_project(tmp_path / "p", Wish(str(path)), [label]).texts for _ in range(2))
    assert first == second


def test_guesses_are_named(tmp_path):
    path, _ = write("binary", tmp_path)
    draft = start(tmp_path / "p", path)
    assert draft.label.columns == ("returned",)
    assert draft.key == ("order_id",)
    assert {each.column for each in draft.left_out} == {"order id", "same"}
    readme = (tmp_path / "p/README.md").read_text()
    assert all(name in readme for name in ("returned", "order_id", "same"))


def test_table_of_a_database(tmp_path, monkeypatch):
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("create table orders (id integer, price real, sold integer)")
        database.executemany("insert into orders values (?, ?, ?)", [(i, i * 0.7 % 5, i % 2) for i in range(ROWS)])
    start(tmp_path / "p", f"sqlite:///{tmp_path}/shop.db", "sold", table="orders")
    assert check(tmp_path / "p", monkeypatch).key == ("id",)
    with refused(what="shop.db", remedy=["--table", "--query"]):
        start(tmp_path / "q", f"sqlite:///{tmp_path}/shop.db", "sold")


def test_rows_of_a_table_without_an_order_keep_their_keys(tmp_path, monkeypatch):
    """A database sorts its rows: a new one would change the numbers of others."""
    rows = [(index * 1.5 % 7, index % 2) for index in range(ROWS)]  # some are equal
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("create table t (a real, y integer)")
        database.executemany("insert into t values (?, ?)", rows)
    start(tmp_path / "p", f"sqlite:///{tmp_path}/shop.db", "y", table="t")
    recipe = check(tmp_path / "p", monkeypatch)
    keys = set(preview_samples(recipe, tmp_path / "p", ROWS).valid["row"].to_pylist())
    with sqlite3.connect(tmp_path / "p/raw/shop.db") as database:
        database.executemany("insert into t values (?, ?)", [(-1.0, 0), (3.25, 1)])
    assert keys < set(preview_samples(recipe, tmp_path / "p", 2 * ROWS).valid["row"].to_pylist())


def test_transactions_in_the_log_of_a_database_are_copied(tmp_path):
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.execute("pragma journal_mode=wal")
        database.execute("create table t (a real, y integer)")
        database.executemany("insert into t values (?, ?)", [(index * 1.5, index % 2) for index in range(ROWS)])
        database.commit()
        start(tmp_path / "p", f"sqlite:///{tmp_path}/shop.db", "y", table="t")
    with closing(sqlite3.connect(tmp_path / "p/raw/shop.db")) as copy:
        assert copy.execute("select count(*) from t").fetchall() == [(ROWS,)]


def test_project_named_through_a_link(tmp_path):
    path, label = write("regression", tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    project = plan_project(tmp_path / "link", Wish(str(path)), [label])
    assert 'Source("regression.csv")' in project.texts["recipe.py"]


@pytest.fixture
def web(tmp_path):
    (tmp_path / "web").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_download_is_part_of_the_project_once_that_is_written(tmp_path, monkeypatch, web):
    path, label = write("regression", tmp_path / "web")
    project = plan_project(tmp_path / "p", Wish(f"http://{web}/regression.csv"), [label], scratch=tmp_path / "scratch")
    assert not (tmp_path / "p").exists()
    write_files(tmp_path / "p", project.texts, project.copies)
    path.unlink()
    check(tmp_path / "p", monkeypatch)


def test_name_of_a_download_leaves_no_folder(tmp_path, web):
    path, label = write("regression", tmp_path / "web")
    path.rename(tmp_path / "rows.csv")
    (tmp_path / "web/..%2F..%2Frows.csv").write_bytes((tmp_path / "rows.csv").read_bytes())
    origin = f"http://{web}/..%252F..%252Frows.csv"
    project = plan_project(tmp_path / "a/p", Wish(origin), [label], scratch=tmp_path / "scratch")
    write_files(tmp_path / "a/p", project.texts, project.copies)
    files = {each.parent for each in tmp_path.rglob("*rows.csv")}
    assert files == {tmp_path, tmp_path / "web", tmp_path / "scratch/downloads", tmp_path / "a/p/downloads"}


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_password_is_neither_sent_nor_shown(tmp_path, scheme):
    with refused(what="password") as caught:
        plan_project(tmp_path / "p", Wish(f"{scheme}://me:secret@127.0.0.1:1/rows.csv"), [], scratch=tmp_path / "s")
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "s").exists()


def test_folder_of_parts_and_pattern(tmp_path, monkeypatch):
    for part in range(3):
        (tmp_path / "parts").mkdir(exist_ok=True)
        lines = [f"{part * 40 + row},{row % 7},{row % 2}" for row in range(40)]
        (tmp_path / "parts" / f"{part}.csv").write_text("\n".join(["id,x,y", *lines]) + "\n")
    for name, origin in (("folder", tmp_path / "parts"), ("pattern", tmp_path / "parts/*.csv")):
        start(tmp_path / name, origin, "y")
        check(tmp_path / name, monkeypatch)
        extract = yaml.safe_load((tmp_path / name / "dvc.yaml").read_text())["stages"]["extract"]
        assert extract["deps"] == ["recipe.py", "raw/parts"]


def test_large_data_stay_where_they_are(tmp_path, monkeypatch):
    path, label = write("regression", tmp_path)
    project = plan_project(tmp_path / "p", Wish(str(path), copy=False), [label])
    assert not project.copies
    assert str(path) in project.texts["recipe.py"]
    assert str(path) in project.texts["dvc.yaml"]


def test_data_inside_of_the_project_are_named_by_their_relative_path(tmp_path):
    path, label = write("regression", tmp_path / "p" / "input")
    project = plan_project(tmp_path / "p", Wish(str(path)), [label])
    assert not project.copies
    assert 'Source("input/regression.csv")' in project.texts["recipe.py"]


def test_existing_files_are_all_named(tmp_path):
    path, label = write("binary", tmp_path)
    folder = tmp_path / "p"
    (folder / "tests").mkdir(parents=True)
    (folder / "recipe.py").write_text("mine")
    (folder / "tests/test_recipe.py").write_text("mine")
    (folder / "notes.md").write_text("mine")
    with refused(what=["recipe.py", "tests/test_recipe.py"], where=folder) as caught:
        plan_project(folder, Wish(str(path)), [label])
    assert "notes.md" not in caught.value.what
    assert (folder / "recipe.py").read_text() == "mine"


def test_folder_that_is_a_file(tmp_path):
    path, label = write("binary", tmp_path)
    with refused(what=path, where=path):
        plan_project(path, Wish(str(path), copy=True), [label])


def test_folder_that_cannot_be_written(tmp_path):
    with refused(what="/proc/firelib-init", where="/proc/firelib-init"):
        write_files(Path("/proc/firelib-init"), {"recipe.py": ""}, {})


def firelib(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "firelib", *arguments]
    env = {**os.environ, "NO_COLOR": "1", **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=patience(120), check=False)


def test_dry_run_writes_nothing(tmp_path):
    write("binary", tmp_path)
    done = firelib("init", "p", "--from", "binary.csv", "--label", "returned", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"p/recipe.py", "p/dvc.yaml", "p/raw/binary.csv"} <= set(done.stdout.split())
    assert not (tmp_path / "p").exists()


@pytest.mark.integration
def test_git_and_dvc(tmp_path):
    write("binary", tmp_path)
    done = firelib("init", "p", "--from", "binary.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    project = tmp_path / "p"
    assert (project / ".git").is_dir()
    assert "analytics = false" in (project / ".dvc/config").read_text()
    assert "in step" in firelib("sync", cwd=project).stderr
    assert firelib("check", "--no-model", cwd=project).returncode == 0
    assert "uv.lock" not in firelib("doctor", cwd=project).stdout


@pytest.mark.integration
def test_existing_repository_is_respected(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "mine.txt").write_text("changed")
    (tmp_path / "p").mkdir()
    init_repositories(tmp_path / "p")
    assert not (tmp_path / "p/.git").exists()
    assert (tmp_path / "p/.dvc").is_dir()
    status = subprocess.run(
        ["git", "-C", str(tmp_path), "status", "--short"], capture_output=True, text=True, check=True
    )
    assert "?? mine.txt" in status.stdout


@pytest.mark.integration
def test_without_git(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("PATH", str(tmp_path))
    init_repositories(tmp_path)
    assert (tmp_path / ".dvc").is_dir()
    assert "git is not installed" in capfd.readouterr().err


BAD = {
    "constant label": ("a,y\n1,2\n2,2\n3,2\n4,2\n", ["y"], "'y'"),
    "label without values": ("a,y\n1,\n2,\n3,\n4,\n", ["y"], "'y'"),
    "a class for each row": ("a,y\n" + "".join(f"{i},name{i}\n" for i in range(200)), ["y"], "200 distinct"),
    "unknown label": ("a,y\n1,2\n2,3\n3,4\n", ["z"], "'z'"),
    "one row": ("a,y\n1,2\n", ["y"], "1"),
    "one column": ("y\n1\n2\n3\n", ["y"], "1"),
    "nothing but the label": ("a,y\n1,2\n1,3\n1,4\n1,5\n", ["y"], "label"),
    "reserved name": ("firelib_hash,y\n1,2\n2,3\n3,4\n4,6\n", ["y"], "firelib_hash"),
    "empty file": ("", [], "empty"),
    "header only": ("a,y\n", ["y"], "0"),
    "too many classes": ("a,y\n" + "".join(f"{i},name{i}\n" for i in range(1500)), ["y"], "1,500"),
}


@pytest.mark.parametrize("case", BAD)
def test_data_that_no_recipe_suits(tmp_path, case):
    text, labels, what = BAD[case]
    (tmp_path / "rows.csv").write_text(text)
    with refused(what=what):
        start(tmp_path / "p", tmp_path / "rows.csv", *labels)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("origin", ["missing.csv", "*.nothing", "sqlite:///missing.db"])
def test_data_that_do_not_exist(tmp_path, monkeypatch, origin):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FirelibError):
        plan_project(tmp_path / "p", Wish(origin, table="t" if "sqlite" in origin else None), [])
