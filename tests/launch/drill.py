"""A project whose recipe does what the variable DRILL says, once it runs as a job."""

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


obeyed = []


def obey():
    # DRILL names what happens, one after the other: "talk,stopped"
    if obeyed:
        return
    obeyed.append(True)
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


DRILLS = {"stopped": stopped, "exit": leave, "wait": wait, "talk": talk, "secret": secret, "nodes": watch}


class Rows(Recipe):
    name = "rows"

    @property
    def sources(self):
        obey()
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

#: Secrets in the environment of whoever builds images and sends jobs; none may be found in anything that they make.
PLANTED = {"WANDB_API_KEY": "planted-wandb-key-6f1d", "RAY_AUTH_TOKEN": "planted-ray-token-a93c"}


def write_project(folder: Path) -> Path:
    """Write a project that `firelib extract` goes through in no time."""
    (folder / "recipe.py").write_text(RECIPE)
    (folder / "params.yaml").write_text(PARAMS)
    rows = [f"{index},{index % 7 - 3},{index % 2}" for index in range(100)]
    (folder / "rows.csv").write_text("\n".join(["id,x,y", *rows]) + "\n")
    return folder


def firelib(folder: Path, *words: str, timeout: float = 240, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-c", "from firelib.cli import main; main()", *words]
    env = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment}
    limit = patience(timeout)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=limit, check=False)


def firelib_here(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, which has imported everything: same output, same exit code."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.dict(os.environ, {"COLUMNS": "200", **environment}),
        patch.object(sys, "argv", ["firelib", *words]),
        pytest.MonkeyPatch.context() as monkeypatch,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        monkeypatch.chdir(folder)
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
