"""Charts and the page of a run."""

import re
from pathlib import Path

import pytest

from benchmarks.harness.report import html_page, write_report
from benchmarks.harness.report.charts import chart_name
from tests.benchmarks.harness.results import CASE, make_result


def test_charts_and_page_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_result().cases[0]
    results = [
        make_result(cases=[case, case.model_copy(update={"bars": case.bars * 3})]),
        make_result("empty", cases=[]),
    ]
    write_report(results, tmp_path)
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    assert "ours ÷ peer" in capsys.readouterr().out
    page = (tmp_path / "index.html").read_text()
    assert page.count("<img ") == 1
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page), "the page needs no network"


def test_what_benchmarks_say_is_no_markup() -> None:
    page = html_page.render(
        [make_result("<b>", cases=[make_result().cases[0].model_copy(update={"title": "<i>"})])], {}
    )
    assert "the &lt;best&gt;" in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert CASE["bars"][0]["settings"] not in page


def test_page_without_results_says_what_to_run() -> None:
    assert "make bench" in html_page.render([], {})


def test_charts_of_two_machines_have_two_names() -> None:
    machine = make_result().machine
    other = machine.model_copy(update={"cpu_model": "AMD EPYC / 7"})
    assert chart_name(make_result()) == "b"
    assert chart_name(make_result(machine=other)) == "b-amd-epyc-7"
    assert chart_name(make_result(machine=other, label="laptop")) == "b-amd-epyc-7-laptop"
