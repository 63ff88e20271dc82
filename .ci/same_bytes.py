"""Check that this machine's lake.json and shards have the hashes that are committed in dvc.lock."""

import subprocess
import sys
from pathlib import Path

import yaml


def read_hashes(lock: str) -> dict[str, str]:
    """Map each output of extract and transform to its hash."""
    stages = yaml.safe_load(lock)["stages"]
    return {out["path"]: out["md5"] for stage in ("extract", "transform") for out in stages[stage]["outs"]}


committed = subprocess.run(["git", "show", "HEAD:dvc.lock"], capture_output=True, text=True, check=True).stdout  # noqa: S607
expected, actual = read_hashes(committed), read_hashes(Path("dvc.lock").read_text())
differing = sorted(path for path in expected if actual.get(path) != expected[path])
if differing:
    sys.exit(f"the committed dvc.lock has other hashes: {', '.join(differing)}; if intended, commit the new dvc.lock")
print(f"{len(actual)} outputs of extract and transform have the committed hashes")  # noqa: T201  the log of CI shows it
