"""One result from those of several processes that measured the same."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from benchmarks.harness.figures import pooled_spread
from benchmarks.harness.schema import Bar, Case, Finding, Result, Round, Usage

T = TypeVar("T")
F = TypeVar("F", Bar, Finding)


def merge(results: Sequence[Result]) -> Result:
    """Merge results of the same benchmark: medians over the processes, and the spread between them.

    Args:
        results: One result for each process, in order; those that were killed may lack cases.
    """
    first, last = results[0], results[-1]
    return first.model_copy(
        update={
            "complete": all(result.complete for result in results),
            "measured": last.measured,
            "processes": len(results),
            "rounds": [_of_process(index, each) for index, result in enumerate(results) for each in result.rounds],
            "cases": [_merge_cases(cases) for cases in _grouped(results, lambda result: result.cases, _title)],
        }
    )


def _of_process(index: int, one: Round) -> Round:
    return one.model_copy(update={"process": index})


def _title(case: Case) -> str:
    return case.title


def _grouped(owners: Iterable[Any], parts: Callable[[Any], Iterable[T]], name: Callable[[T], str]) -> Iterable[list[T]]:
    """The parts of all owners, those of the same name together, in the order of their first appearance."""
    groups: dict[str, list[T]] = {}
    for owner in owners:
        for part in parts(owner):
            groups.setdefault(name(part), []).append(part)
    return groups.values()


def _merge_cases(cases: list[Case]) -> Case:
    absent = {name: reason for case in cases for name, reason in case.absent.items()}
    bars = [_merge_bars(bars) for bars in _grouped(cases, lambda case: case.bars, lambda bar: bar.name)]
    findings = [_pool(lines) for lines in _grouped(cases, lambda case: case.findings, lambda line: line.what)]
    return cases[0].model_copy(update={"bars": bars, "findings": findings, "absent": absent})


def _merge_bars(bars: list[Bar]) -> Bar:
    used = [bar.usage for bar in bars if bar.usage is not None]
    return _pool(bars, usage=_merge_usage(used) if used else None)


def _merge_usage(usages: list[Usage]) -> Usage:
    lists = {
        name: [value for usage in usages for value in getattr(usage, name)]
        for name in ("cpu_seconds", "peak_mib", "minor_faults")
    }
    return Usage(rows=usages[0].rows, **lists)


def _pool(figures: list[F], **update: Any) -> F:
    values = [figure.values or [figure.value] for figure in figures]
    return figures[0].model_copy(update={**pooled_spread(values), **update})
