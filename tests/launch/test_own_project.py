"""A generated project whose recipe needs a package that firelib's images lack: images of its own have it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from firelib.launch.job_record import read_records
from tests.launch.drill import firelib
from tests.launch.flights_project import run_firelib

pytestmark = pytest.mark.containers

PACKAGE = "humanize"
ROWS = 200


@pytest.fixture
def project(tmp_path: Path) -> Path:
    lines = [f"{row},{row % 7 + row / 9:.3f},{'abc'[row % 3]},{int(row % 7 > 3)}" for row in range(ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join(["id,size,kind,y", *lines]) + "\n")
    run_firelib(tmp_path, "init", "own", "--from", "rows.csv", "--label", "y")
    folder = tmp_path / "own"
    dependencies = (
        (folder / "pyproject.toml").read_text().replace("dependencies = [", f'dependencies = [\n    "{PACKAGE}",')
    )
    (folder / "pyproject.toml").write_text(dependencies)
    uses = f'    from {PACKAGE} import intcomma\n\n    return tables["rows"].assign(kind=intcomma(1000))'
    recipe = (folder / "recipe.py").read_text().replace('    return tables["rows"]', uses)
    (folder / "recipe.py").write_text(recipe)
    return folder


def test_a_package_of_the_user_is_in_the_images_of_the_project(images, project):
    submit = ("submit", "--to", "docker", "--cpus", "2")
    run_firelib(project, *submit, "--", "firelib", "extract")
    without = firelib(project, *submit, "--", "firelib", "transform")
    assert without.returncode == 1
    assert f"No module named '{PACKAGE}'" in without.stdout + without.stderr

    environment = {**os.environ, "COMPONENTS": "transform", "BUILD_NETWORK": "host"}
    built = subprocess.run(
        ["make", "images"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    run_firelib(project, *submit, "--image", "own-transform", "--", "firelib", "transform")
    [vocabulary] = [
        feature["vocabulary"]
        for feature in json.loads((project / "data/own/tfrecords/manifest.json").read_text())["features"]
        if feature["feature"]["name"] == "kind"
    ]
    assert vocabulary == ["1,000"]
    assert read_records(project)[-1].spec.image == "own-transform"
    versions = [
        images.docker("run", "--rm", "--entrypoint", "python", name, "-c", "import numpy; print(numpy.__version__)")
        for name in ("firelib-transform", "own-transform")
    ]
    assert versions[0] == versions[1]  # the packages of firelib keep their versions
