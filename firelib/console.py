"""Terminal output: notes, progress, tables. Results go to standard output, everything else to standard error."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

# Names of files and columns, and errors of libraries, may look like markup: "[/b]", ":key:". Strings are printed as
# they are, and styles are applied with `rich.text.Text`.
out = Console(soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, soft_wrap=True, markup=False, emoji=False)

_INTERVAL_SECONDS = 5.0  # between two lines of progress without a terminal
_SPELLED_OUT = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"}


class Advance(Protocol):
    """Updates a progress display."""

    def __call__(self, done: float, total: float | None = None, note: str = "") -> None:
        """Report progress.

        Args:
            done: Units of work that are done.
            total: All units, if they are known by now.
            note: Shown after the figures.
        """


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard what native code writes to standard error (importing TensorFlow does so at any log level)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def note(text: str) -> None:
    """Print a line to standard error."""
    _print_line(text)


def _print_line(text: str) -> None:  # where `note` is a parameter
    err.print(printable(text), highlight=False)


def note_labelled(label: str, style: str, text: str) -> None:
    """Print a text with a coloured label to standard error.

    Args:
        label: What the text is, such as `error:`.
        style: Style of the label.
        text: The text.
    """
    err.print(Text.assemble((label, style), " ", printable(text)), highlight=False)


def printable(text: str) -> str:
    """Return a text in which control characters are spelled out, since a terminal would obey them."""
    return text.translate(_SPELLED_OUT)


@contextmanager
def progress(label: str, total: float | None = None) -> Iterator[Advance]:
    """Show progress: a bar with the remaining time on a terminal, otherwise a line every few seconds.

    Args:
        label: Name of the work.
        total: Units of work, if they are known in advance.

    Yields:
        A function that updates the display.
    """
    if err.is_terminal:
        with _bar() as bar:
            task = bar.add_task(printable(label), total=total, note="")

            def advance(done: float, total: float | None = None, note: str = "") -> None:
                bar.update(task, completed=done, total=total, note=printable(note))

            yield advance
        return
    yield _lines(label, total)


def _bar() -> "Progress":
    from rich import progress as rich

    label, eta, note = (
        rich.TextColumn(text, markup=False) for text in ("{task.description}", "ETA", "{task.fields[note]}")
    )
    columns = (label, rich.BarColumn(), rich.MofNCompleteColumn(), rich.TimeElapsedColumn(), eta)
    return rich.Progress(*columns, rich.TimeRemainingColumn(), note, console=err)


def _lines(label: str, first_total: float | None) -> Advance:
    started = last = time.monotonic()
    shown = 0.0
    first: tuple[float, float] | None = None  # time and progress of the first report; the time before it is start-up

    def advance(done: float, total: float | None = None, note: str = "") -> None:
        nonlocal last, shown, first
        now, whole = time.monotonic(), total or first_total
        is_first, first = done > 0 and first is None, first or ((now, done) if done else None)
        if now - last < _INTERVAL_SECONDS and done != whole and not is_first:
            return
        if done == shown:
            if not done and note:  # before the first step, show what the work waits for
                last = now
                _print_line(f"{label}: {note}, {now - started:.0f} s")
            return
        last, shown = now, done
        share = f"{done:,.0f}/{whole:,.0f}" if whole else f"{done:,.0f}"
        rate = (done - first[1]) / (now - first[0]) if first and now > first[0] else 0.0
        left = f", ETA {(whole - done) / rate:.0f} s" if whole and rate and done < whole else ""
        _print_line(f"{label}: {share} in {now - started:.0f} s{left}{f'  {note}' if note else ''}")

    return advance


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> "Table":
    """Build a table with a left-aligned first column and right-aligned other columns.

    Args:
        title: Shown above the table.
        columns: Headers.
        rows: Cells, one sequence per row; strings are shown as they are.
    """
    from rich.table import Table

    result = Table(title=Text(printable(title), style="table.title"), title_justify="left")
    for index, column in enumerate(columns):
        result.add_column(Text(printable(column)), justify="left" if index == 0 else "right")
    for row in rows:
        result.add_row(*(Text(printable(cell)) if isinstance(cell, str) else cell for cell in row))
    return result
