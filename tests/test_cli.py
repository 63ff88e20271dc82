"""The command line's output and exit codes, mostly in this process; child processes only if the process matters."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
import typer
from click.testing import Result
from typer.core import TyperGroup
from typer.testing import CliRunner

from firelib.cli import app, main
from firelib.cli.commands import COMMANDS as COMMANDS_IN_ORDER
from firelib.cli.project import load_project
from firelib.console import out
from firelib.console_tables import column_table
from firelib.data.lake import read_lake
from firelib.errors import FirelibError, LackOfMemoryError
from tests.launch.drill import PARAMS
from tests.patience import patience
from tests.project import ROOT

MARKUP = """
from firelib import Feature, Recipe, Source


class Rows(Recipe):
    name = "rows"
    sources = {"rows": Source("a[/b]c.csv")}
    key = ("id",)
    features = (Feature("[bold]", "float32", range=(0, 10)),)
    label = Feature("y", "int64", range=(0, 1))

    def transform(self, tables):
        return tables["rows"]

    def build_model(self, features, params):
        raise NotImplementedError
"""

APP = typer.main.get_command(app)
COMMANDS = sorted(APP.commands)


def firelib(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="firelib")


def failing(*arguments: str) -> FirelibError:
    """Run a command and return its error."""
    error = firelib(*arguments).exception
    assert isinstance(error, FirelibError), error
    return error


@pytest.fixture
def shown(monkeypatch, capfd):
    """Run the whole program; return its exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["firelib", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capfd.readouterr()

    return run


@pytest.fixture
def project(tmp_path, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(project, *pairs: tuple[str, str]) -> None:
    text = (project / "params.yaml").read_text()
    for pattern, new in pairs:
        assert re.search(pattern, text)
        text = re.sub(pattern, new, text)
    (project / "params.yaml").write_text(text)


def process(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=patience(120),
        check=False,
    )


def test_help_imports_nothing_heavy():
    code = (
        "import runpy, sys; sys.argv = ['firelib', '--help']\n"
        "try: runpy.run_module('firelib', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'ray', 'dask', 'pandas', 'pyarrow', 'tensorflow', 'keras', 'numpy', 'sklearn', 'dvc', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = process(code)
    assert done.returncode == 0, done.stderr
    assert "Usage: firelib" in done.stdout


def test_error_of_a_real_process(project):
    """One command is enough: all commands report errors in the same way."""
    done = process("from firelib.cli import main; main()", "transform", COLUMNS="200")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "lake.json" in done.stderr
    assert "remedy:" in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_exist():
    assert {"check", "run", "extract", "transform", "train", "tune", "evaluate", "predict", "doctor"} <= set(COMMANDS)
    assert {"init", "sync", "serve", "compare", "data"} <= set(COMMANDS)
    assert {"submit", "plan", "status", "logs", "cancel", "fetch", "pipeline"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    done = firelib(command, "--help")
    assert done.exit_code == 0
    assert f"Usage: firelib {command}" in done.stdout


@pytest.mark.parametrize("command", [name for name in COMMANDS if not isinstance(APP.commands[name], TyperGroup)])
def test_help_shows_examples_on_lines_of_their_own_and_no_types_of_python(command):
    if APP.commands[command].hidden:
        return
    lines = [line.strip() for line in firelib(command, "--help").stdout.splitlines()]
    examples = lines[lines.index("Examples") + 1 :]
    assert examples[0].startswith(("firelib", "FIRELIB_", "…"))
    assert not re.search(r"<(bool|str|path|int|float|list)", "\n".join(lines))
    assert "`" not in "\n".join(lines)


def test_help_lists_commands_in_the_order_of_work():
    shown = [line.split()[1] for line in firelib("--help").stdout.splitlines() if re.match(r"│ [a-z]", line)]
    assert shown == list(COMMANDS_IN_ORDER)
    assert shown == [name for name in APP.list_commands(None) if not APP.commands[name].hidden]


@pytest.mark.parametrize(
    ("arguments", "hint"), [(("trian",), "Did you mean 'train'?"), (("train", "--recpe", "x"), "--recipe")]
)
def test_unknown_commands_and_options_come_with_a_suggestion(arguments, hint):
    done = firelib(*arguments)
    assert done.exit_code == 2
    assert hint in done.stderr


def test_unknown_stages_are_refused_by_name(project):
    shutil.copy(ROOT / "dvc.yaml", project)
    (project / ".dvc").mkdir()
    error = failing("run", "trian", "evaluate", "extrakt")
    assert error.what.splitlines() == ["there is no stage 'trian'", "there is no stage 'extrakt'"]
    assert error.remedy == "did you mean 'train'?"


def test_files_that_hide_modules_of_python_are_refused_before_any_work(project):
    (project / "token.py").write_text("")
    error = failing("extract")
    assert "token.py" in error.what
    assert error.where == str(project)


def test_invalid_parameters_are_all_named_at_once(project):
    change(project, (r"\blr: \S+", "lr: fast"), ("epochs:", "epoch:"), ("train: 0.8", "train: 0.7"))
    error = failing("transform")
    problems = error.what.splitlines()
    for name, hint in (
        ("train.epoch ", "'epochs'"),  # and not the missing train.epochs
        ("train.lr:", "'fast'"),
        ("data.split:", "0.9"),
    ):
        assert [line for line in problems if line.startswith(name) and hint in line], name
    assert "params.yaml" in error.where
    assert "docs/parameters.md" in error.remedy


def test_error_is_printed_in_three_parts(tmp_path, monkeypatch, shown):
    monkeypatch.chdir(tmp_path)
    code, out, err = shown("extract")
    assert code == 1
    assert out == ""
    assert [line.partition(":")[0].strip() for line in err.splitlines()] == ["error", "where", "remedy"]


@pytest.mark.parametrize(
    ("pair", "parts"),
    [
        (("recipe: flights", "recipe: flihgts"), ("flihgts",)),
        (("embedding: 8", "embeding: 8"), ("model.embeding", "'embedding'")),
        (("embedding: 8", "embedding: wide"), ("model.embedding", "int", "'wide'")),
    ],
)
def test_invalid_recipe_or_model_parameter_fails_before_any_work(project, pair, parts):
    change(project, pair)
    what = failing("extract").what
    assert all(part in what for part in parts)
    assert not (project / "storage").exists()


def test_option_recipe_selects_a_pipeline(project):
    shutil.copytree(ROOT / "pipelines", project / "pipelines")
    own = failing("transform", "--recipe", "fashion_mnist")
    assert f"{project}/data/fashion_mnist/lake.json" in str(own)
    assert str(failing("--params", "pipelines/fashion_mnist/params.yaml", "transform")) == str(own)
    assert "data/flights/lake.json" in str(failing("transform", "--recipe", "flights"))
    assert "'fashion_mnist'" in failing("transform", "--recipe", "fashion_mnst").remedy


@pytest.mark.parametrize(("root", "expected"), [("~/d", "{home}/d"), ("file:///d", "/d"), ("d", "{project}/d")])
def test_storage_root_is_any_folder(project, monkeypatch, root, expected):
    monkeypatch.setenv("HOME", str(project / "home"))
    change(project, (r"root: \S+", f"root: {root}"))
    assert load_project().paths.root == expected.format(home=project / "home", project=project)


def test_names_that_look_like_markup_are_shown(project, shown, capfd):
    (project / "a[").mkdir()
    (project / "a[/b]c.csv").write_text("id,[bold],y\n1,2.5,0\n2,3.5,1\n")
    (project / "recipe.py").write_text(MARKUP)
    (project / "params.yaml").write_text(PARAMS)
    code, _, notes = shown("extract")
    assert code == 0, notes
    assert "rows: 2 rows" in notes
    _, log, _ = shown("data", "log")
    assert "rows (from a[/b]c.csv)" in log
    out.print(column_table("rows", read_lake(project / "data/rows/lake.json").tables["rows"], {"[bold]": "[/]"}))
    assert re.search(r"\[bold\] .* \[/\] ", capfd.readouterr().out)
    (project / "a[/b]c.csv").unlink()
    code, _, notes = shown("extract")
    assert code == 1
    assert "a[/b]c.csv" in notes


def test_missing_params_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = failing("extract")
    assert "params.yaml" in error.what
    assert error.where == str(tmp_path)
    assert "--params" in error.remedy


def test_invalid_environment_variables(project, monkeypatch):
    monkeypatch.setenv("FIRELIB_WORKERS", "many")
    monkeypatch.setenv("FIRELIB_TRACKING", "paper")
    what = failing("extract").what
    assert "FIRELIB_WORKERS" in what
    assert "FIRELIB_TRACKING" in what


def test_debug_raises_the_error(tmp_path, monkeypatch):
    """Python prints the traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["firelib", "--debug", "extract"])
    with pytest.raises(FirelibError):
        main()


def test_predict_refuses_unknown_features(project):
    what = failing("predict", json.dumps({"carier": "UA"})).what
    assert "'carier'" in what
    assert "'carrier'" in what


def test_data_log_lists_versions(project):
    assert firelib("extract").exit_code == 0
    done = firelib("data", "log", "flights")
    versions = [line.split("│")[1].strip() for line in done.stdout.splitlines() if line.startswith("│")]
    assert versions == [str(version) for version in range(12)]
    assert "month=6" in done.stdout
    assert "'flights'" in failing("data", "log", "flihgts").remedy


def test_ctrl_c_exits_with_130(monkeypatch, shown):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("firelib.doctor.diagnose", lambda _: interrupted())
    code, _, err = shown("doctor")
    assert code == 130
    assert "the same command" in err


def test_sigterm_exits_with_75_and_tells_firelib_run(monkeypatch, shown, tmp_path):
    stopped = tmp_path / "stopped"
    monkeypatch.setenv("FIRELIB_STOPPED_FILE", str(stopped))
    monkeypatch.setattr("firelib.doctor.diagnose", lambda _: signal.raise_signal(signal.SIGTERM))
    code, _, err = shown("doctor")
    assert code == 75
    assert "SIGTERM" in err
    assert len(err.strip().splitlines()) == 1
    assert stopped.exists()


STOPPED_IN_GENERATED_CODE = """
import signal
import firelib.cli
import firelib.console
firelib.cli.app = lambda **_: exec("signal.raise_signal(signal.SIGTERM)")
firelib.cli.main()
"""


def test_sigterm_in_generated_code_exits_with_75(tmp_path):
    (tmp_path / "stopped.py").write_text(STOPPED_IN_GENERATED_CODE)
    command = [sys.executable, "-m", "stopped"]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=patience(120), check=False)
    assert done.returncode == 75, done.stderr


@pytest.mark.parametrize("variables", [{}, {"FIRELIB_RUN_PROCESS": "1:1"}], ids=["command", "stage of firelib run"])
def test_oom_kills_are_reported_once(monkeypatch, shown, variables):
    kills = iter([1, 4])
    monkeypatch.setattr("firelib.cli.exit_codes.count_oom_kills", lambda: next(kills))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    _, _, err = shown("data", "log", "--help")
    assert ("killed 3 processes" in err) == (not variables)


def test_explained_oom_kills_are_not_reported_again(monkeypatch, shown):
    kills = iter([1, 4])
    monkeypatch.setattr("firelib.cli.exit_codes.count_oom_kills", lambda: next(kills))
    monkeypatch.setattr("firelib.cli.app", raise_lack)
    code, _, err = shown("data", "log")
    assert code == 1
    assert "too little for the join" in err
    assert "killed 3 processes" not in err


def raise_lack(*_, **__):
    raise LackOfMemoryError("too little for the join", where="a task", remedy="less")


def test_unreadable_rows(project):
    error = failing("predict", "missing.csv")
    assert error.where == "missing.csv"
    assert "JSON or CSV" in error.remedy
