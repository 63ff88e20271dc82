"""Results of several processes become one."""

from benchmarks.harness.merge import merge
from benchmarks.harness.schema import Case, Round
from tests.benchmarks.harness.results import make_result


def _with_values(values: list[float], title: str = "rows") -> Case:
    spread = {"value": values[0], "low": 0.0, "high": 0.0, "values": values}
    usage = {"rows": 5, "cpu_seconds": values}
    return Case.model_validate(
        {
            "title": title,
            "unit": "rows/s",
            "bars": [{"name": "ours", **spread, "usage": usage}],
            "findings": [{"what": "growth", **spread}],
        }
    )


def test_values_are_pooled_by_process() -> None:
    rounds = [Round(seconds=1, compute_ms=1, memory_ms=1, steal=0, others=0)]
    results = [
        make_result(cases=[_with_values([1.0, 2.0, 30.0])], rounds=rounds),
        make_result(cases=[_with_values([5.0])], rounds=rounds),
    ]
    merged = merge(results)
    bar, line = merged.cases[0].bars[0], merged.cases[0].findings[0]
    assert (bar.value, bar.low, bar.high, bar.values) == (3.5, 2.0, 5.0, [1.0, 2.0, 30.0, 5.0])
    assert (line.value, line.low, line.high) == (3.5, 2.0, 5.0)
    assert bar.usage is not None
    assert bar.usage.cpu_seconds == [1.0, 2.0, 30.0, 5.0]
    assert merged.processes == 2
    assert [each.process for each in merged.rounds] == [0, 1]


def test_cases_of_a_killed_process_are_kept() -> None:
    whole = make_result(cases=[_with_values([1.0]), _with_values([2.0], "more")])
    killed = make_result(cases=[_with_values([3.0])], complete=False)
    merged = merge([whole, killed])
    assert [(case.title, case.bars[0].value) for case in merged.cases] == [("rows", 2.0), ("more", 2.0)]
    assert not merged.complete


def test_a_single_process_is_unchanged() -> None:
    result = make_result(cases=[_with_values([3.0])])
    merged = merge([result])
    assert merged.cases[0].bars[0].value == 3.0
    assert merged.cases[0].title == "rows"
