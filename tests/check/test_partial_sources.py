"""A check of some rows does not judge as if they were all."""

from pathlib import Path

import pytest

from tests.check.signs import describe, write_project


def test_many_small_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first files have fewer rows than a sample, and one value of the label."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    (tmp_path / "parts").mkdir()
    for index in range(40):
        lines = [f"{index * 5 + row},1,0.5,a,{int(index >= 20)}" for row in range(5)]
        (tmp_path / f"parts/{index:02}.csv").write_text("\n".join(["id,month,number,word,positive", *lines]) + "\n")
    recipe = tmp_path / "recipe.py"
    recipe.write_text(recipe.read_text().replace("rows.csv", "parts"))
    found = describe(tmp_path)
    assert found.checked is not None
    assert not found.checked.is_complete
    assert {finding.severity for finding in found.findings} <= {"warning"}
    for index in range(20):
        (tmp_path / f"parts/{index:02}.csv").write_text("id,month,number,word,positive\n")
    (finding,) = describe(tmp_path).findings
    assert (finding.severity, finding.kind, "rows" in finding.what) == ("warning", "source", True)
