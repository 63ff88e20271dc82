"""The JSON of results: written, read and checked."""

from pathlib import Path

import pytest

from benchmarks.harness.measure import RESULTS
from benchmarks.harness.report.load import load
from benchmarks.harness.schema import Result
from firelib.errors import FirelibError
from tests.benchmarks.harness.results import make_result


def test_what_is_written_is_read(tmp_path: Path) -> None:
    result = make_result()
    result.write(tmp_path / "results" / "b.json")
    assert Result.read(tmp_path / "results" / "b.json") == result
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["b.json"]


@pytest.mark.parametrize("text", ["{", '{"name": "b"}', '{"cases": [{"title": 1}]}'])
def test_another_file_is_refused_with_its_field(tmp_path: Path, text: str) -> None:
    path = tmp_path / "serving.json"
    path.write_text(text)
    with pytest.raises(FirelibError) as caught:
        Result.read(path)
    assert caught.value.where == str(path)
    assert caught.value.remedy == "measure it again: firelib bench serving --full"


def test_an_unknown_field_of_a_result_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(make_result().model_dump_json().replace('"busy"', '"bussy"'))
    with pytest.raises(FirelibError, match="bussy"):
        Result.read(path)


def test_committed_results_are_valid() -> None:
    assert load(RESULTS)
