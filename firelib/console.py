"""What people see: notes, progress of long work, tables. Everything goes to standard error but results."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

_QUIET_SECONDS = 5.0


class Advance(Protocol):
    """Tell a progress display how far the work is."""

    def __call__(self, done: float, total: float | None = None, note: str = "") -> None: ...


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what native code writes to standard error meanwhile (TensorFlow's import does, whatever its log level)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def note(text: str) -> None:
    """One line about what happens."""
    err.print(text, highlight=False)


@contextmanager
def progress(label: str, total: float | None = None) -> Iterator[Advance]:
    """A progress bar with rate and time left on a terminal; elsewhere, a line every few seconds."""
    if err.is_terminal:
        with _bar() as bar:
            task = bar.add_task(label, total=total, note="")

            def advance(done: float, total: float | None = None, note: str = "") -> None:
                bar.update(task, completed=done, total=total, note=note)

            yield advance
        return
    yield _lines(label, total)


def _bar() -> "Progress":
    from rich import progress as rich

    columns = [rich.TextColumn("{task.description}"), rich.BarColumn(), rich.MofNCompleteColumn()]
    columns += [rich.TimeElapsedColumn(), rich.TextColumn("ETA"), rich.TimeRemainingColumn()]
    return rich.Progress(*columns, rich.TextColumn("{task.fields[note]}"), console=err)


def _lines(label: str, first_total: float | None) -> Advance:
    started = last = time.monotonic()
    shown = 0.0
    begun: tuple[float, float] | None = None  # when the first report came, and how far the work was: before is start-up

    def advance(done: float, total: float | None = None, note: str = "") -> None:
        nonlocal last, shown, begun
        now, whole = time.monotonic(), total or first_total
        is_first, begun = done > 0 and begun is None, begun or ((now, done) if done else None)
        if now - last < _QUIET_SECONDS and done != whole and not is_first:
            return
        if done == shown:
            if not done and note:  # nothing is done yet: say what is waited for
                last = now
                err.print(f"{label}: {note}, {now - started:.0f} s", highlight=False)
            return
        last, shown = now, done
        share = f"{done:,.0f}/{whole:,.0f}" if whole else f"{done:,.0f}"
        rate = (done - begun[1]) / (now - begun[0]) if begun and now > begun[0] else 0.0
        left = f", ETA {(whole - done) / rate:.0f} s" if whole and rate and done < whole else ""
        err.print(f"{label}: {share} in {now - started:.0f} s{left}{f'  {note}' if note else ''}", highlight=False)

    return advance


def table(title: str, columns: list[str], rows: list[list[str]]) -> "Table":
    """A table whose first column is text and whose other columns are right-aligned."""
    from rich.table import Table

    result = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        result.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        result.add_row(*row)
    return result
