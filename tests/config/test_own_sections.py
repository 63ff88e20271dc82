from pathlib import Path

import pytest
import yaml

from firelib.config.own_sections import drop_own_sections

KNOWN = {"train", "model"}
RAW = {"train": 1, "model": 2, "report": {"title": "mine"}}


@pytest.mark.parametrize("params", [["report"], ["report.title"], [{"params.yaml": ["report.title"]}]])
def test_sections_of_own_stages_are_left_out(tmp_path: Path, params: list[object]) -> None:
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"report": {"cmd": "true", "params": params}}}))
    assert drop_own_sections(RAW, tmp_path / "params.yaml", KNOWN) == {"train": 1, "model": 2}


@pytest.mark.parametrize("params", [[], ["train"], [{"other.yaml": ["report"]}], "report"])
def test_other_unknown_sections_stay(tmp_path: Path, params: object) -> None:
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"report": {"cmd": "true", "params": params}}}))
    assert drop_own_sections(RAW, tmp_path / "params.yaml", KNOWN) == RAW


def test_without_a_pipeline_all_sections_stay(tmp_path: Path) -> None:
    assert drop_own_sections(RAW, tmp_path / "params.yaml", KNOWN) == RAW
