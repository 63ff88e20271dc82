"""Only complete results of an idle machine replace published ones."""

from pathlib import Path

import pytest

from benchmarks.harness.schema import Result
from benchmarks.runner.publish import publish
from tests.benchmarks.harness.results import make_result


@pytest.mark.parametrize(
    ("changes", "options", "expected"),
    [
        ({}, {}, "b.json"),
        ({"form": "short"}, {}, "short/b.json"),
        ({}, {"label": "laptop"}, "b@laptop.json"),
        ({"busy": True}, {}, "scratch/b.json"),
        ({"busy": True}, {"anyway": True}, "b.json"),
        ({"complete": False}, {"anyway": True}, "scratch/b.json"),
    ],
    ids=["full", "short", "another-machine", "busy", "busy-anyway", "partial"],
)
def test_where_a_result_goes(
    tmp_path: Path, changes: dict[str, object], options: dict[str, object], expected: str
) -> None:
    path = publish(make_result(**changes), tmp_path, **options)  # type: ignore[arg-type]
    assert path == tmp_path / expected
    assert Result.read(path).label == options.get("label", "")
    assert list(tmp_path.rglob("*.json")) == [path]
