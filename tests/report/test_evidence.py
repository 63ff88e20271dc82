"""The committed evidence describes what is committed: renew it with `make evidence`."""

import json

import pytest
import yaml

from firelib import storage
from tests.project import ROOT

FOLDER = ROOT / "docs" / "evidence"
EVIDENCE = json.loads((FOLDER / "evidence.json").read_text())
REMEDY = "make evidence renews docs/evidence/"


def test_its_files_are_the_ones_that_were_written() -> None:
    assert set(EVIDENCE["files"]) == {"report.html", "croissant.json", "model_card.md"}
    for name, digest in EVIDENCE["files"].items():
        assert storage.sha256_file(FOLDER / name) == digest, f"{name}: {REMEDY}"


def test_it_describes_the_committed_run() -> None:
    """Each run writes other times into the model's folder; its weights are listed by themselves, too."""
    stages = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    locked = {entry["path"]: entry["md5"] for stage in stages.values() for entry in [*stage["deps"], *stage["outs"]]}
    described = dict(EVIDENCE["describes"])
    assert described.keys() == locked.keys(), REMEDY
    described.pop("models/flights")
    assert described.items() <= locked.items(), REMEDY


@pytest.mark.parametrize("name", ["test", "baselines", "train"])
def test_the_report_shows_the_committed_metrics(name: str) -> None:
    from firelib.report.figures import show_figure

    metrics = json.loads((ROOT / f"metrics/flights/{name}.json").read_text())
    text = (FOLDER / "report.html").read_text()
    values = [each for value in metrics.values() for each in (value.values() if isinstance(value, dict) else [value])]
    assert [value for value in values if f">{show_figure(value)}<" not in text] == [], REMEDY


def test_it_is_small_and_shows_no_path_of_a_machine() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 2_000_000
    for file in FOLDER.iterdir():
        assert "/tmp/" not in (text := file.read_text())
        assert "/home/" not in text
        assert "/root/" not in text
