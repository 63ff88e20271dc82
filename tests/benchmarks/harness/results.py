"""Results for tests."""

from typing import Any

from benchmarks.harness.schema import Case, Machine, Result

CASE: dict[str, Any] = {
    "title": "rows",
    "unit": "rows/s",
    "bars": [
        {
            "name": "ours",
            "value": 1234.5,
            "low": 1000.0,
            "high": 1500.0,
            "values": [300.0, 600.0, 100.0],
            "settings": "the <best>",
            "usage": {"rows": 100, "cpu_seconds": [0.5, 0.25, 1.0], "peak_mib": [90.0], "minor_faults": [7]},
        },
        {"name": "peer", "value": 200.0, "low": 150.0, "high": 300.0},
    ],
    "findings": [
        {
            "what": "ours ÷ peer",
            "value": 5.0,
            "low": 4.126,
            "high": 600.4,
            "values": [5.0, 4.126, 600.4],
            "unit": "×",
            "goal": "≥ 4",
            "better": "higher",
            "ours": "ours",
            "peer": "peer",
        },
        {"what": "growth", "value": 12.0, "low": 12.0, "high": 12.0, "unit": "%", "goal": "< 10", "better": "lower"},
    ],
    "absent": {"peer two": "not installed"},
}


def make_result(name: str = "b", **changes: Any) -> Result:
    """A result with one case."""
    machine = Machine(cores=2, cpu="x86_64", python="3.11.7", load_before=0.5)
    return Result(name=name, question="Why?", machine=machine, cases=[Case.model_validate(CASE)]).model_copy(
        update=changes
    )


def make_ratio(low: float, high: float, better: str = "higher", unit: str = "×", rounds: int = 3) -> Result:
    """A result whose only finding has this spread."""
    spread = {"value": low, "low": low, "high": high, "values": [low] * (rounds - 1) + [high]}
    line = {"what": "a ÷ b", **spread, "unit": unit, "better": better}
    case = Case.model_validate({"title": "rows", "unit": "rows/s", "bars": [], "findings": [line]})
    return make_result(cases=[case])
