"""Compare what this machine made of the data with what is committed: lake.json and shards must be the same bytes."""

import subprocess
import sys
from pathlib import Path

import yaml


def hashes(lock: str) -> dict[str, str]:
    stages = yaml.safe_load(lock)["stages"]
    return {out["path"]: out["md5"] for stage in ("extract", "transform") for out in stages[stage]["outs"]}


committed = subprocess.run(["git", "show", "HEAD:dvc.lock"], capture_output=True, text=True, check=True).stdout  # noqa: S607
expected, made = hashes(committed), hashes(Path("dvc.lock").read_text())
differing = sorted(path for path in expected if made.get(path) != expected[path])
if differing:
    sys.exit(f"not the bytes that dvc.lock has committed: {', '.join(differing)}; commit the new dvc.lock if meant")
print(f"{len(made)} outputs of extract and transform are the same bytes as committed")  # noqa: T201
