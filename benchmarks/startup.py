"""How long does one wait: from a command to the first training step, to a prediction, to "nothing to do"?

    python -m benchmarks.startup [--rounds 5] [--cold] [--short]

Needs the outputs of the flights pipeline (`make run`). Each round runs whole commands, and a hand-written script that
does the same work (`benchmarks/peers/by_hand.py`): imports, the same model, `parse_example` on the same shards, `fit`
for the same epochs, export. `--cold` drops the page cache before each command (needs root). `--short` is one round.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.measure import finding, repeat_rounds, save, spread
from firelib.console import note

FIRELIB = str(Path(sys.executable).with_name("firelib"))
_ROWS = 3
_LOAD_MODEL = "import tensorflow as tf, keras; tf.saved_model.load('models/flights/saved_model')"
_ENVIRONMENT = {"FIRELIB_TRACKING": "none", "TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclass(frozen=True)
class Command:
    """What is timed.

    Attributes:
        run: Runs it.
        prepare: Brings the project into the state that it needs, outside of the timer.
    """

    run: Callable[[], "Times"]
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Times:
    """Seconds since the start of a command.

    Attributes:
        line: Until it printed the expected line; None if no line is expected.
        end: Until it exited.
    """

    line: float | None
    end: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        drop = _drop_page_cache if options.cold else _keep_page_cache
        measured = _rounds(_commands(Path(folder)), 1 if options.short else options.rounds, drop)
    findings = _findings(measured)
    for one in findings:
        note(f"{one['what']}: {one['value']:.2f} {one['unit']} ({one['low']:.2f} to {one['high']:.2f}) {one['goal']}")
    title = "flights, page cache dropped before each command" if options.cold else "flights"
    bars = [{"name": name, **spread([t.end for t in times]), "settings": ""} for name, times in measured.items()]
    case = {"title": title, "unit": "s", "bars": bars, "findings": findings}
    page_cache = "dropped before each command" if options.cold else "not controlled"
    save("startup_cold" if options.cold else "startup", "How long does one wait?", [case], page_cache)


def _commands(folder: Path) -> dict[str, Command]:
    rows = folder / "rows.csv"
    rows.write_text(_some_rows())
    train = partial(watch, [FIRELIB, "train", "--fresh"], first_step)
    by_hand = partial(watch, [sys.executable, "-m", "benchmarks.peers.by_hand", str(folder)], first_step)
    run = partial(watch, [FIRELIB, "run"])
    return {
        "firelib train": Command(train),
        "train by hand": Command(by_hand),
        "firelib predict": Command(partial(watch, [FIRELIB, "predict", str(rows)])),
        "import and load": Command(partial(watch, [sys.executable, "-c", _LOAD_MODEL])),
        # The first run still evaluates the models that other commands have trained.
        "firelib run, nothing to do": Command(run, prepare=run),
        "firelib --help": Command(partial(watch, [FIRELIB, "--help"])),
    }


def _rounds(commands: Mapping[str, Command], rounds: int, drop: Callable[[], None]) -> dict[str, list[Times]]:
    """Prepare and time each command in each round; `drop` is called directly before a timer starts."""

    def measure(call: int) -> dict[str, Times]:
        measured = {}
        for name, command in commands.items():
            command.prepare()
            drop()
            measured[name] = times = command.run()
            first = f"first step after {times.line:.1f} s, " if times.line is not None else ""
            note(f"round {call + 1}: {name}: {first}end after {times.end:.1f} s")
        return measured

    found = repeat_rounds(measure, rounds, warmups=0).values()
    return {name: [times[name] for times in found] for name in commands}


def watch(
    command: Sequence[str], is_expected: Callable[[str], bool] | None = None, folder: Path | None = None
) -> Times:
    """Run a command to its end and measure the times.

    Args:
        command: Its argv.
        is_expected: Recognizes the expected line of its output.
        folder: Where it runs; None is the current folder.

    Raises:
        RuntimeError: The command failed, or did not print the expected line.
    """
    environment = {**os.environ, **_ENVIRONMENT}
    start, line, output = time.perf_counter(), None, []
    with subprocess.Popen(  # noqa: S603  our own commands
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=folder
    ) as process:
        assert process.stdout
        for text in process.stdout:
            output.append(text)
            if line is None and is_expected is not None and is_expected(text):
                line = time.perf_counter() - start
    end = time.perf_counter() - start
    if process.returncode or (is_expected is not None and line is None):
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{''.join(output)[-2000:]}")
    return Times(line, end)


def first_step(text: str) -> bool:
    """Whether a line of the script's output or of firelib's progress reports the first step."""
    return text.strip() == "first step" or (text.startswith("train: ") and "epoch 1/" in text)


def _findings(measured: Mapping[str, Sequence[Times]]) -> list[dict[str, Any]]:
    def seconds(name: str, part: str = "end") -> list[float]:
        return [getattr(times, part) for times in measured[name]]

    def ratio(ours: str, peer: str, part: str = "end") -> dict[str, float]:
        return spread([mine / other for mine, other in zip(seconds(ours, part), seconds(peer, part), strict=True)])

    return [
        finding("first step, firelib train", spread(seconds("firelib train", "line")), "s"),
        finding("first step, by hand", spread(seconds("train by hand", "line")), "s"),
        finding("first step, firelib ÷ by hand", ratio("firelib train", "train by hand", "line"), "×", "≤ 2.0"),
        finding("whole training, firelib ÷ by hand", ratio("firelib train", "train by hand"), "×", "≤ 1.35"),
        finding(f"predict {_ROWS} rows ÷ imports and load", ratio("firelib predict", "import and load"), "×", "≤ 1.3"),
        finding("firelib run, nothing to do", spread(seconds("firelib run, nothing to do")), "s", "≤ 2"),
        finding("firelib --help", spread(seconds("firelib --help")), "s", "≤ 0.5"),
    ]


def _some_rows() -> str:
    """A few rows of the test split as CSV with raw values."""
    from firelib import open_dataset

    table = open_dataset("data/flights/tfrecords/manifest.json").as_arrow("test").slice(0, _ROWS)
    columns = [name for name in table.column_names if name != "late"]
    lines = [",".join(columns), *(",".join(map(_text, row.values())) for row in table.select(columns).to_pylist())]
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode()
    return "" if value is None or value != value else str(value)


def _keep_page_cache() -> None:
    """Leave it warm."""


def _drop_page_cache() -> None:
    subprocess.run(["sync"], check=True)  # noqa: S607
    Path("/proc/sys/vm/drop_caches").write_text("3")


if __name__ == "__main__":
    main()
