"""The results in the documentation."""

from typing import Any

import pytest

from benchmarks.harness.measure import RESULTS
from benchmarks.harness.report import documents
from benchmarks.harness.report.load import load_published
from benchmarks.harness.schema import Case
from tests.benchmarks.harness.results import make_result


def test_text_around_the_markers_is_kept() -> None:
    begin, end = "<!-- results: written by python -m benchmarks.harness.report -->", "<!-- end of results -->"
    text = f"before\n{begin}\nold\n{end}\nafter\n"
    once = documents.replace_between(text, "results", documents.results_page([make_result()]))
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "old" not in once
    assert "| ours | 1,234 | 1,000 … 1,500 | 200 | 1.5 | 90 | 7 | the <best> |" in once
    assert "peer two was omitted: not installed" in once
    assert documents.replace_between(once, "results", documents.results_page([make_result()])) == once


def test_reasons_are_one_short_line_without_markup() -> None:
    reason = "RuntimeError: <script>\n# heading\n" + "word " * 200
    case = make_result().cases[0].model_copy(update={"absent": {"peer": reason}})
    page = documents.results_page([make_result(cases=[case])])
    (line,) = [line for line in page.splitlines() if line.startswith("peer was omitted")]
    assert "RuntimeError: &lt;script&gt; # heading word" in line
    assert line.endswith(" …")
    assert len(line) < 340


def test_two_machines_are_side_by_side() -> None:
    other = make_result().machine.model_copy(update={"cpu_model": "another", "usable_cores": 8})
    page = documents.results_page([make_result(), make_result(machine=other)])
    assert page.count("### b") == 1
    assert "| data | figure | x86_64, 2 cores | another, 8 cores | spreads overlap |" in page
    assert "| rows | growth | 12 % (12 … 12) | 12 % (12 … 12) | yes |" in page


def test_headlines_are_findings_of_the_results() -> None:
    name, title, what = documents.HEADLINES[0]
    result = make_result(name)
    case = result.cases[0].model_copy(update={"title": title})
    line = case.findings[0].model_copy(update={"what": what})
    table = documents.headlines_table(
        [result.model_copy(update={"cases": [case.model_copy(update={"findings": [line]})]})]
    )
    assert f"| Why? | {title} | {what} | 5 × (4.13 … 600) | ≥ 4 | yes |" in table
    assert documents.headlines_table([]).count("\n") == 2


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert documents.markdown(["a"], [["x | y\nz"]]).splitlines()[-1] == "| x \\| y z |"


def test_costs_of_the_stages_are_in_their_page() -> None:
    def line(name: str, value: float) -> dict[str, Any]:
        return {"value": value, "low": value, "high": value, "name": name, "what": name}

    bars, peak = [line("whole stage", 20.4), line("start-up", 2.0)], line("peak memory", 1900.0)
    case = Case.model_validate({"title": "extract", "unit": "s", "bars": bars, "findings": [peak]})
    page = documents.render_documents([make_result("stages", cases=[case])])[documents.COSTS]
    assert "\n| --- | --- | --- | --- |\n| extract | 20 | 2 | 1,900 |\n\n<!-- end of stages -->\n" in page


def test_page_of_costs_stays_as_it_is_without_a_measurement() -> None:
    assert documents.render_documents([make_result()])[documents.COSTS] == documents.COSTS.read_text()


@pytest.mark.parametrize("path", [documents.PAGE, documents.COSTS, documents.README], ids=lambda path: path.name)
def test_documents_show_the_committed_results(path: object) -> None:
    """If this fails, run `python -m benchmarks.harness.report`."""
    assert isinstance(path, type(documents.PAGE))
    assert documents.render_documents(load_published(RESULTS))[path] == path.read_text()
