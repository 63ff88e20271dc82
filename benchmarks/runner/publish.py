"""Where results go: results/NAME.json, results/short/NAME.json, or results/scratch/ if they are not fit to keep."""

from pathlib import Path

from benchmarks.harness.schema import Result
from firelib.console import note


def published_path(results: Path, name: str, full: bool, label: str = "") -> Path:
    """The file of a result.

    Args:
        results: The folder results/.
        name: Name of the benchmark.
        full: Its form.
        label: Name of another machine, whose results are beside those of the first one.
    """
    return (results if full else results / "short") / f"{name}{f'@{label}' if label else ''}.json"


def publish(result: Result, results: Path, label: str = "", anyway: bool = False) -> Path:
    """Write a result to its file, unless it is incomplete or the machine was busy.

    Args:
        result: The result.
        results: The folder results/.
        label: Name of another machine.
        anyway: Write it even if the machine was busy.

    Returns:
        The file.
    """
    result = result.model_copy(update={"label": label})
    path = published_path(results, result.name, result.form == "full", label)
    if not result.complete:
        reason = "it is incomplete"
    elif result.busy and not anyway:
        reason = "the machine was busy (--anyway writes it all the same)"
    else:
        result.write(path)
        return path
    kept = results / "scratch" / path.name
    result.write(kept)
    note(f"{result.name} is in {kept}, not in {path}: {reason}")
    return kept
