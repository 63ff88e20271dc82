"""The questions that `firelib bench` answers: a line for each. `--list`, the page and the tests read it."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Form:
    """How a question is asked.

    Attributes:
        arguments: Arguments of the benchmark.
        minutes: Expected duration on two idle cores, of all processes.
        processes: Number of processes that measure everything one after the other: what is settled when a process
            starts differs between them, and the spread covers it.
        needs: What it needs beside what its question needs.
    """

    arguments: str
    minutes: float
    processes: int = 1
    needs: tuple[str, ...] = ()

    @property
    def argv(self) -> list[str]:
        return shlex.split(self.arguments)


@dataclass(frozen=True)
class Question:
    """A question.

    Attributes:
        name: The module in benchmarks/.
        asks: The question.
        full: Its form in `firelib bench --full`, where all questions together take three hours: some modules measure
            more if they are run by hand, as docs/benchmarks.md says.
        short: Its form in `firelib bench`; None leaves it out.
        needs: What both forms need: names in `benchmarks.runner.needs`.
        leaves: Names of its results; its own name if empty.
    """

    name: str
    asks: str
    full: Form
    short: Form | None = None
    needs: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return f"benchmarks.{self.name}"

    @property
    def results(self) -> tuple[str, ...]:
        """Names of its results; the short form may leave some of them only."""
        return self.leaves or (self.name,)

    def form(self, full: bool) -> Form | None:
        """The full or the short form."""
        return self.full if full else self.short


#: The best way of each kind; `python -m benchmarks.input_pipeline` measures all.
_LOADERS = "firelib 'tf.data tuned' 'Ray Data, Parquet' Grain MDS LitData"
PIPELINE, TRAINING = ("pipeline",), ("two cores", "flights")
QUESTIONS = (
    Question("tfrecord_write", "How fast are TFRecords written?", Form("--rounds 1", 9, 3), Form("--short", 2, 3)),
    Question("tfrecord_read", "How fast are TFRecords read?", Form("--rounds 1", 13, 3), Form("--short", 2, 3)),
    Question("tfrecord_memory", "Does memory grow with the number of rows?", Form("", 4)),
    Question("tfrecord_seek", "What does it cost to begin in the middle of an epoch?", Form("--rounds 3", 6, 3)),
    Question("shuffle_quality", "How well is an epoch mixed?", Form("", 1)),
    Question("extract_scale", "Does the extract keep up with a stream, in bounded memory?", Form("--rows 3000000", 7)),
    Question("transform_scale", "Is the cost of the transform linear?", Form("--rows 1000000", 5.5)),
    Question(
        "transform_engines", "Which engine transforms fastest?", Form("--rounds 1", 12), Form("--short --rounds 1", 3)
    ),
    Question("version_growth", "What does one more version cost?", Form("", 8)),
    Question(
        "input_pipeline",
        "How fast do loaders feed a training loop?",
        Form(f"--rows 50000 --only {_LOADERS}", 20),
        Form("--short --rows 50000", 3.5),
    ),
    Question("accelerators", "How many accelerators does a core keep busy?", Form("--rounds 1", 8)),
    Question(
        "training",
        "How fast does the loop train?",
        Form("", 12, needs=("fashion_mnist",)),
        Form("--recipes flights", 2),
        TRAINING,
        leaves=("training_flights", "training_fashion_mnist"),
    ),
    Question("recovery", "What does a failure cost?", Form("--short --epoch-steps 200", 9), needs=("two cores",)),
    Question(
        "spot_trace",
        "How much of a Spot machine's time is training?",
        Form("--hours 2 --scale 60", 5),
        needs=("two cores",),
    ),
    Question(
        "environments",
        "What does each environment cost?",
        Form("--short", 7),
        needs=("root", "containers", "two cores", "flights"),
    ),
    Question(
        "whole_pipeline",
        "What does the whole pipeline take, with one new month and by hand?",
        Form("--rounds 1", 3.5),
        needs=("two cores",),
    ),
    Question("stages", "What does each stage cost?", Form("", 3), needs=PIPELINE),
    Question("startup", "How long does one wait?", Form("--rounds 3", 12), Form("--short", 2.5), PIPELINE),
    Question("serving", "What does HTTP cost?", Form("", 3), needs=PIPELINE),
    Question(
        "planner",
        "How far is a plan from what is measured?",
        Form("--rounds 1", 7),
        needs=(*TRAINING, "fashion_mnist"),
    ),
    Question("ray_up", "How long until all nodes are alive?", Form("--rounds 1", 5), needs=("root", "containers")),
)


def bench_command(names: Sequence[str], full: bool, label: str = "", options: Sequence[str] = ()) -> str:
    """The command that asks questions.

    Args:
        names: Their names; empty for all.
        full: Their form.
        label: Name of the machine; empty for the first one.
        options: Other options.
    """
    words = ["firelib", "bench", *names, *(["--full"] if full else []), *options]
    return shlex.join([*words, *(["--label", label] if label else [])])


def measure_again(path: Path) -> str:
    """What to do about a file of results that cannot be used: a sentence for an error.

    Args:
        path: NAME.json or NAME@LABEL.json; those of the short form are in a folder `short`.
    """
    name, _, label = path.stem.partition("@")
    asked = [question.name for question in QUESTIONS if name in question.results]
    if not asked:
        return "no question leaves this file: restore it from git, or remove it"
    return f"measure it again: {bench_command(asked, path.parent.name != 'short', label)}"
