"""dvc.yaml follows the recipe; what the user has added stays."""

from pathlib import Path

import pytest
import yaml

from firelib.cli.project import load_project
from firelib.data.lake import Lake, TableRecord
from firelib.dvc_pipeline.dvc_file import DvcFile
from firelib.dvc_pipeline.stage_plan import local_paths
from firelib.project_layout import Paths
from firelib.recipe import Feature, Source
from tests.errors import refused
from tests.project import ROOT
from tests.recipes.tiny import Tiny, project


def dvc_file(folder: Path, label: Feature | None = None, **sources: str) -> DvcFile:
    recipe = Tiny()
    recipe.sources = {name: Source(uri) for name, uri in (sources or {"orders": "orders.csv"}).items()}
    recipe.label = label or Tiny.label
    params, _ = project(folder)
    params = params.model_copy(update={"recipe": "recipe.py"})
    return DvcFile(recipe, params, Paths("tiny", str(folder / "storage"), folder), folder / "dvc.yaml")


def stages(folder: Path):
    return yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]


@pytest.mark.parametrize("name", [None, "fashion_mnist"])
def test_pipelines_of_the_repository_are_in_step(monkeypatch, name):
    monkeypatch.chdir(ROOT)
    loaded = load_project(name)
    file = DvcFile(loaded.recipe, loaded.params, loaded.paths, loaded.pipeline)
    assert file.compare() == []
    written, generated = yaml.safe_load(loaded.pipeline.read_text())["stages"], yaml.safe_load(file.render())["stages"]
    for stage in (*written.values(), *generated.values()):
        del stage["desc"]
    assert written == generated


def test_new_file_is_in_step(tmp_path):
    file = dvc_file(tmp_path)
    assert [each.stage for each in file.sync()] == ["extract", "transform", "train", "evaluate"]
    assert file.compare() == file.sync() == []
    assert stages(tmp_path)["extract"]["deps"] == ["recipe.py", "orders.csv"]


def test_another_task_has_other_outputs(tmp_path):
    dvc_file(tmp_path).sync()
    changed = dvc_file(tmp_path, Feature("big", "float32"))
    found = changed.compare()
    assert {each.remove for each in found if each.fails} >= {"plots/tiny/roc.png", "plots/tiny/roc_model.csv"}
    assert {each.add for each in found if each.add} == {
        "plots/tiny/predicted.png",
        "plots/tiny/residuals.png",
        "plots/tiny/worst_rows.csv",
    }
    changed.sync()
    outs = [next(iter(out)) for out in stages(tmp_path)["evaluate"]["outs"]]
    assert sorted(outs) == [
        "plots/tiny/predicted.png",
        "plots/tiny/residuals.png",
        "plots/tiny/training.png",
        "plots/tiny/worst_rows.csv",
    ]


def test_what_the_user_added_stays(tmp_path):
    dvc_file(tmp_path).sync()
    text = (tmp_path / "dvc.yaml").read_text()
    (tmp_path / "notes.txt").touch()
    text = text.replace("    deps:\n      - recipe.py\n", "    deps:\n      - recipe.py # mine\n      - notes.txt\n", 1)
    text = text.replace("\nplots:\n", "\n  report:  # my own stage\n    cmd: python report.py\n\nplots:\n", 1)
    (tmp_path / "dvc.yaml").write_text(text)
    found = dvc_file(tmp_path, orders="orders.csv", shops="shops.csv").sync()
    assert [(each.stage, each.key, each.add) for each in found] == [("extract", "deps", "shops.csv")]
    after = (tmp_path / "dvc.yaml").read_text()
    assert "- recipe.py # mine" in after
    assert "# my own stage" in after
    assert stages(tmp_path)["extract"]["deps"] == ["recipe.py", "notes.txt", "orders.csv", "shops.csv"]
    assert stages(tmp_path)["report"] == {"cmd": "python report.py"}


def test_removed_source_is_no_dependency_any_more(tmp_path):
    dvc_file(tmp_path, orders="orders.csv", shops="shops.csv").sync()
    (difference,) = dvc_file(tmp_path).sync()
    assert difference.remove == "shops.csv"
    assert not difference.fails


OWN = ("clean/rows.csv", "s3://bucket/rows.csv", "${mine.path}", "big.csv", "metrics/mine.json")


def test_dependencies_of_the_user_stay_although_they_do_not_exist_yet(tmp_path):
    dvc_file(tmp_path).sync()
    own = "".join(f"      - {path}\n" for path in OWN)
    text = (tmp_path / "dvc.yaml").read_text().replace("      - orders.csv\n", f"      - orders.csv\n{own}", 1)
    clean = "\n  clean:\n    cmd: python clean.py\n    outs:\n      - clean:\n          cache: false\n\nplots:\n"
    (tmp_path / "dvc.yaml").write_text(text.replace("\nplots:\n", clean, 1))
    (tmp_path / "big.csv.dvc").touch()
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/mine.json").touch()
    assert dvc_file(tmp_path).sync() == []


def test_source_of_the_last_extract_is_no_dependency_any_more(tmp_path):
    file = dvc_file(tmp_path, orders="orders.csv", shops="shops.csv")
    file.sync()
    (tmp_path / "shops.csv").touch()
    assert dvc_file(tmp_path).compare() == []  # it may be the user's own
    record = TableRecord(source="shops.csv", sha256="0" * 64, columns={}, rows=0, version=0, commits=())
    Lake(recipe="tiny", tables={"shops": record}).write(tmp_path / "data/tiny/lake.json")
    assert [each.remove for each in dvc_file(tmp_path).compare()] == ["shops.csv"]


def test_file_is_verified_before_it_is_written(tmp_path, monkeypatch):
    dvc_file(tmp_path).sync()
    before = (tmp_path / "dvc.yaml").read_text()
    changed = dvc_file(tmp_path, orders="orders.csv", shops="shops.csv")
    monkeypatch.setattr(changed, "_edit", lambda _: before)
    with refused(what="shops.csv", where=tmp_path / "dvc.yaml"):
        changed.sync()
    assert (tmp_path / "dvc.yaml").read_text() == before


@pytest.mark.parametrize("name", ["evaluate", "evaluate.baselines", "train.patience", "model.width"])
@pytest.mark.parametrize("entry", ["{}", "params.yaml: [{}]", "params.yaml: [train.lr, {}]"])
def test_parameters_that_params_yaml_lacks_fail_before_a_run(tmp_path, name, entry):
    dvc_file(tmp_path).sync()
    before = stages(tmp_path)["train"]["params"]
    text = (tmp_path / "dvc.yaml").read_text()
    (tmp_path / "dvc.yaml").write_text(
        text.replace("      - train\n", f"      - train\n      - {entry.format(name)}\n", 1)
    )
    (difference,) = dvc_file(tmp_path).sync()
    assert (difference.stage, difference.remove, difference.fails) == ("train", name, True)
    lists = [each for each in stages(tmp_path)["train"]["params"] if isinstance(each, dict)]
    assert [each for each in stages(tmp_path)["train"]["params"] if isinstance(each, str)] == before
    assert lists == ([{"params.yaml": ["train.lr"]}] if "lr" in entry else [])


def test_parameters_that_exist_or_are_in_other_files_stay(tmp_path):
    dvc_file(tmp_path).sync()
    own = "      - train\n      - train.lr\n      - report.title\n      - other.yaml: [evaluate, train.patience]\n"
    (tmp_path / "dvc.yaml").write_text((tmp_path / "dvc.yaml").read_text().replace("      - train\n", own, 1))
    assert dvc_file(tmp_path).compare() == []


def test_wrapped_command_may_write_more(tmp_path):
    dvc_file(tmp_path).sync()
    text = (tmp_path / "dvc.yaml").read_text().replace("cmd: firelib evaluate", "cmd: ./evaluate.sh")
    (tmp_path / "dvc.yaml").write_text(text.replace("      - plots/tiny/roc.png", "      - plots/tiny/mine.png"))
    assert [each.add for each in dvc_file(tmp_path).compare()] == ["plots/tiny/roc.png"]


def test_other_command_is_corrected(tmp_path):
    dvc_file(tmp_path).sync()
    (tmp_path / "dvc.yaml").write_text(
        (tmp_path / "dvc.yaml").read_text().replace("firelib train", "firelib train --fresh")
    )
    (difference,) = dvc_file(tmp_path).sync()
    assert (difference.key, difference.add) == ("cmd", "firelib train")


def test_missing_stage_is_added_as_in_a_new_file(tmp_path):
    dvc_file(tmp_path).sync()
    expected = stages(tmp_path)
    (tmp_path / "dvc.yaml").write_text(
        yaml.safe_dump({"stages": {name: expected[name] for name in ("extract", "train")}})
    )
    assert [each.stage for each in dvc_file(tmp_path).sync()] == ["transform", "evaluate"]
    assert stages(tmp_path) == expected


def test_file_that_is_no_pipeline(tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages: [a]\n")
    with refused(what="list", where=tmp_path / "dvc.yaml", remedy="firelib sync"):
        dvc_file(tmp_path).compare()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("rows.csv", ["rows.csv"]),
        ("parts/", ["parts"]),
        ("parts/*/x.csv", ["parts"]),
        ("file:///data/x.csv", ["/data/x.csv"]),
        ("*.csv", ["a.csv", "b.csv"]),
        ("./[ab].csv", ["a.csv", "b.csv"]),
        ("../*/shop.csv", None),
        ("**/*.csv", None),
        (".", None),
        ("delta+table", ["table"]),
        ("delta+s3://bucket/x", []),
        ("sqlite:///shop.db", ["shop.db"]),
        ("duckdb:////data/shop.db", ["/data/shop.db"]),
        ("https://example.org/x.csv", []),
        ("s3://bucket/x", []),
        ("postgresql://host/x", []),
    ],
)
def test_local_paths(tmp_path, uri, expected):
    for name in ("a.csv", "b.csv", "c.txt", ".hidden.csv"):
        (tmp_path / name).touch()
    source = Source(uri, sha256="0" * 64, **({"table": "t"} if "sql" in uri or "duckdb" in uri else {}))
    if expected is None:
        with refused(what=uri, where=uri, remedy="raw/"):
            local_paths(source, tmp_path)
    else:
        assert local_paths(source, tmp_path) == expected
