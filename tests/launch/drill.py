"""A project whose recipe performs the actions in the variable DRILL when it runs as a job."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest

from firelib.cli import main
from tests.patience import patience

RECIPE = """
import os, sys, time
from firelib import Feature, Recipe, Source
from firelib.errors import StoppedError


performed = []


def perform_drills():
    # DRILL lists actions in their order: "talk,stopped"
    if performed:
        return
    performed.append(True)
    drills = os.environ.get("DRILL", "") if os.environ.get("FIRELIB_JOB_ID") else ""
    for drill in filter(None, drills.split(",")):
        DRILLS[drill]()


def stopped():
    raise StoppedError("stopped on purpose")


def leave():
    sys.exit(7)


def wait():
    print("waiting for the end", flush=True)
    time.sleep(600)


def talk():
    for number in range(40):
        print(f"line {number:02d} ä", flush=True)
        time.sleep(0.1)


def dialogue():
    # the reader confirms two of the lines by files in the storage root, so that more output follows each
    for number in range(20):
        print(f"line {number:02d} ä", flush=True)
        while number in (5, 12) and not os.path.exists(f"{os.environ['FIRELIB_STORAGE_ROOT']}/read-{number:02d}"):
            time.sleep(0.1)


def secret():
    print("length of the secret:", len(os.environ["DRILL_VALUE"]), flush=True)


def watch():
    # prints the number of nodes whenever it changes, until the file `enough` exists
    import ray

    ray.init(log_to_driver=False, logging_level="ERROR")
    known = 0
    while not os.path.exists("enough"):
        count = sum(node["Alive"] for node in ray.nodes())
        if count != known:
            known = count
            print(f"nodes: {count}", flush=True)
        time.sleep(0.2)
    ray.shutdown()


DRILLS = {
    "stopped": stopped,
    "exit": leave,
    "wait": wait,
    "talk": talk,
    "dialogue": dialogue,
    "secret": secret,
    "nodes": watch,
}


class Rows(Recipe):
    name = "rows"

    @property
    def sources(self):
        perform_drills()
        return {"rows": Source("rows.csv")}

    key = ("id",)
    features = (Feature("x", "float32", range=(-10, 10)),)
    label = Feature("y", "int64", range=(0, 1))

    def transform(self, tables):
        return tables["rows"]

    def build_model(self, features, params):
        raise NotImplementedError

"""
PARAMS = """
recipe: recipe.py
storage: {root: storage}
data: {version: null, split: {train: 0.6, validation: 0.2, test: 0.2}, shard_mib: 1}
train: {workers: 1, global_batch_size: 16, epochs: 1, lr: 0.05, seed: 1}
"""

#: Secrets in the environment that builds images and submits jobs; results must not contain them.
PLANTED = {"WANDB_API_KEY": "planted-wandb-key-6f1d", "RAY_AUTH_TOKEN": "planted-ray-token-a93c"}


def write_project(folder: Path) -> Path:
    """Write a project on which `firelib extract` takes almost no time."""
    (folder / "recipe.py").write_text(RECIPE)
    (folder / "params.yaml").write_text(PARAMS)
    rows = [f"{index},{index % 7 - 3},{index % 2}" for index in range(100)]
    (folder / "rows.csv").write_text("\n".join(["id,x,y", *rows]) + "\n")
    return folder


def firelib(
    folder: Path, *arguments: str, timeout: float = 240, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a new process."""
    command = [sys.executable, "-c", "from firelib.cli import main; main()", *arguments]
    env = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment}
    limit = patience(timeout)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=limit, check=False)


def firelib_here(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, which saves the imports: same output, same exit code."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.dict(os.environ, {"COLUMNS": "200", **environment}),
        patch.object(sys, "argv", ["firelib", *arguments]),
        pytest.MonkeyPatch.context() as monkeypatch,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        monkeypatch.chdir(folder)
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
