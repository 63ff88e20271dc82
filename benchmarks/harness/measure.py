"""What a benchmark imports: ways, interleaved rounds, figures, and `save`, which writes them as JSON."""

import datetime
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness.figures import Pair, compared, finding, pooled_spread, ratios, spread
from benchmarks.harness.interleave import Rates, Way, interleaved, nothing, present, timed
from benchmarks.harness.machine import describe_machine, find_commit, list_libraries
from benchmarks.harness.rounds import repeat_rounds, take_recorded_rounds
from benchmarks.harness.schema import Case, Result, Round
from benchmarks.harness.variables import RESULTS_VARIABLE

__all__ = [
    "RESULTS", "RESULTS_VARIABLE", "Pair", "Rates", "Way", "compared", "finding", "interleaved", "nothing",
    "pooled_spread", "present", "ratios", "repeat_rounds", "save", "spread", "timed",
]  # fmt: skip

RESULTS = Path(__file__).parents[1] / "results"

_WARM = "warm: the rounds before the measured ones have read the same files"


def save(name: str, question: str, cases: Iterable[Mapping[str, Any]], page_cache: str = _WARM) -> Path:
    """Write the JSON of a result after each case, so that one that is killed later keeps those that are finished.

    Run by hand, a benchmark writes into results/scratch/; `firelib bench` publishes results.

    Args:
        name: Name of the benchmark.
        question: The question that it answers, in one line.
        cases: Cases, each with a title, a unit, bars and findings. A generator measures them one after the other.
        page_cache: What the benchmark does about the page cache.

    Returns:
        The file.
    """
    folder = os.environ.get(RESULTS_VARIABLE)
    path = (Path(folder) if folder else RESULTS / "scratch") / f"{name}.json"
    finished: list[Case] = []
    rounds: list[Round] = []

    def write(complete: bool) -> None:
        rounds.extend(take_recorded_rounds())
        result = Result(
            name=name,
            question=question,
            form="other",
            arguments=sys.argv[1:],
            complete=complete,
            measured=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            commit=find_commit(RESULTS.parents[1]),
            page_cache=page_cache,
            machine=describe_machine(),
            libraries=list_libraries(),
            rounds=rounds,
            cases=finished,
        )
        result.write(path)

    for case in cases:
        finished.append(Case.model_validate(case))
        write(complete=False)
    write(complete=True)
    return path
