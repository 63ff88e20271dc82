"""Interleaved timing: each round runs every way once, so that what disturbs the machine disturbs all of them."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Way:
    """One way to do the job.

    Attributes:
        run: Does it once.
        settings: What was chosen for it, for the report.
        rows: Rows that one run handles; slow ways get fewer, rates stay comparable.
    """

    run: Callable[[], Any]
    settings: str
    rows: int


def interleaved(ways: Mapping[str, Way], rounds: int) -> dict[str, list[float]]:
    """Rows per second of each way in each round; one more run before, to warm caches and compilers."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for index in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way.run()
            if index:
                rates[name].append(way.rows / (time.perf_counter() - start))
    return rates


def ratios(rates: Mapping[str, list[float]], ours: str, peer: str) -> dict[str, float]:
    """How much faster ours is than a peer, round by round: median, least and most."""
    each = [mine / theirs for mine, theirs in zip(rates[ours], rates[peer], strict=True)]
    return {"median": statistics.median(each), "min": min(each), "max": max(each)}


def save(name: str, cases: list[dict[str, Any]]) -> Path:
    """Write results/<name>.json."""
    RESULTS.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "cpu": platform.machine(), "python": platform.python_version()}
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"name": name, "machine": machine, "cases": cases}, indent=2) + "\n")
    return path


def case(
    title: str, ways: Mapping[str, Way], rates: Mapping[str, list[float]], ours: Mapping[str, str]
) -> dict[str, Any]:
    """One case for the report.

    Args:
        title: What was worked on.
        ways: The ways.
        rates: What `interleaved` gave.
        ours: Peer → the way of ours that it is compared with.
    """
    measured = [
        {"way": name, "rows_per_second": statistics.median(rates[name]), "settings": way.settings}
        for name, way in ways.items()
    ]
    compared = [{"ours": mine, "peer": peer, **ratios(rates, mine, peer)} for peer, mine in ours.items()]
    return {"title": title, "ways": measured, "ratios": compared}
