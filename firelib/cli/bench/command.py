"""The command that runs the benchmarks of a checkout."""

from typing import Annotated

import typer

from firelib.cli.bench.benchmarks import import_benchmarks
from firelib.cli.completion import complete_question


def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="Questions; default: all.", autocompletion=complete_question, show_default=False
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Every question, in its full form: three hours.")] = False,
    show_list: Annotated[bool, typer.Option("--list", help="List the questions and measure nothing.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare ratios with the committed results; exit 1 if one fell or is missing."),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after an interruption.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Use results even if the machine was busy.")] = False,
    label: Annotated[str, typer.Option(help="Keep the results beside those of another machine, under this name.")] = "",
) -> None:
    """Measure throughput, memory and start-up, and report it as tables, charts and a page; needs a checkout.

    Without `--full`, the questions that have a short form are asked: a quarter of an hour on two idle cores.

    Examples: `firelib bench` · `firelib bench tfrecord_read --full` · `firelib bench --check` · `firelib bench --list`
    """
    command = import_benchmarks("benchmarks.runner.command")
    if show_list:
        command.show_questions()
        return
    request = command.Request(tuple(names or ()), full, check, resume, anyway, label)
    raise typer.Exit(command.bench(request))
