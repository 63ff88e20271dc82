"""A project whose recipe does what variable DRILL says, once it runs as a job."""

import os
import subprocess
import sys
from pathlib import Path

RECIPE = """
import os, sys, time
from firelib import Feature, Recipe, Source
from firelib.errors import StoppedError


obeyed = []


def obey():
    if obeyed:
        return
    obeyed.append(True)
    drill = os.environ.get("DRILL", "") if os.environ.get("FIRELIB_JOB_ID") else ""
    if drill == "stopped":
        raise StoppedError("stopped on purpose")
    if drill == "exit":
        sys.exit(7)
    if drill == "wait":
        print("waiting for the end", flush=True)
        time.sleep(600)
    if drill == "talk":
        for number in range(40):
            print(f"line {number:02d} ä", flush=True)
            time.sleep(0.15)
    if drill == "nodes":
        watch()
    if drill == "secret":
        print("length of the secret:", len(os.environ["DRILL_VALUE"]), flush=True)


def watch():
    # says how many nodes there are whenever that changes, until file `enough` is there
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
    """A project that `firelib extract` goes through in no time."""
    (folder / "recipe.py").write_text(RECIPE)
    (folder / "params.yaml").write_text(PARAMS)
    rows = [f"{index},{index % 7 - 3},{index % 2}" for index in range(100)]
    (folder / "rows.csv").write_text("\n".join(["id,x,y", *rows]) + "\n")
    return folder


def firelib(folder: Path, *words: str, timeout: float = 240, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-c", "from firelib.cli import main; main()", *words]
    env = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=timeout, check=False)
