"""One transform by one engine, in a process of its own, as `run_job` starts it; the last line of its output is JSON."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.engines.contenders import ENGINES
from benchmarks.engines.figures import Figures
from benchmarks.engines.meter import Meter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=list(ENGINES))
    parser.add_argument("folder", type=Path, help="a project with a lake")
    parser.add_argument("--partition-bytes", type=int, default=0, help="0 is the engine's default")
    parser.add_argument("--others", type=int, nargs="+", default=[], help="processes that work for the job, too")
    options = parser.parse_args()
    meter = Meter(options.others)
    rows = ENGINES[options.engine].run(options.folder, options.partition_bytes, meter)
    figures = Figures(meter.seconds, meter.cpu_seconds, rows)
    print(json.dumps(asdict(figures)))  # noqa: T201  the parent reads it


if __name__ == "__main__":
    main()
