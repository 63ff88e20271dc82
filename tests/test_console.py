import io
import time

import pytest
from rich.console import Console

from firelib import console

#: Names that rich would take for markup, for an emoji, or for a number to highlight.
NAMES = ("a[/b]c.csv", "[bold]", "[/]", "[red]x[/red]", "[link=file:///]", "[@click=x]", "\\[b]", ":key:", "[1, 2]")


def test_texts_of_others_are_printed_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        console.note(name)
        console.note_labelled("error:", "bold red", name)
        console.out.print(name)
        with console.progress(name, 1) as advance:
            advance(1, note=name)
    shown, notes = capsys.readouterr()
    assert shown.splitlines() == [*NAMES]
    lines = notes.splitlines()
    assert lines[::3] == [*NAMES]
    assert lines[1::3] == [f"error: {name}" for name in NAMES]
    assert all(line.startswith(f"{name}: 1/1 ") for name, line in zip(NAMES, lines[2::3], strict=True))
    assert all(line.endswith(f"  {name}") for name, line in zip(NAMES, lines[2::3], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_tables_show_texts_unchanged_on_any_console(name: str) -> None:
    shown = Console(width=200, file=io.StringIO(), record=True)
    shown.print(console.table(name, [name, "rows"], [[name, name]]))
    assert shown.export_text().count(name) == 4


def test_bar_shows_texts_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(console, "err", Console(width=200, file=shown, force_terminal=True, color_system=None))
    for name in NAMES:
        with console.progress(name, 1) as advance:
            advance(1, note=f"note {name}")
        assert f"\x1b[2K{name} " in shown.getvalue()
        assert f" note {name}\n" in shown.getvalue()


def test_control_characters_are_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    console.note("a\x1b]0;title\x07\x9b2J\tb\nc")
    assert capsys.readouterr().err == "a\\x1b]0;title\\x07\\x9b2J\tb\nc\n".expandtabs()


def test_remaining_time_excludes_the_start_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Workers need a minute to start: with it, 1 step in 80 s would extrapolate to hours."""
    clock = iter([0.0, 80.0, 90.0, 100.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with console.progress("train", 101) as advance:
        for done in (1, 51, 101):
            advance(done, note="epoch 1/1")
    assert capsys.readouterr().err.splitlines() == [
        "train: 1/101 in 80 s  epoch 1/1",
        "train: 51/101 in 90 s, ETA 10 s  epoch 1/1",
        "train: 101/101 in 100 s  epoch 1/1",
    ]


def test_note_before_the_first_step_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    clock = iter([0.0, 2.0, 6.0, 8.0, 20.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with console.progress("train") as advance:
        for waiting in ("starting", "importing", "importing"):
            advance(0, note=waiting)
        advance(3, 100, note="epoch 1/1")
    assert capsys.readouterr().err.splitlines() == ["train: importing, 6 s", "train: 3/100 in 20 s  epoch 1/1"]
