"""The look of the command line: help in the order of work, examples on lines of their own, early refusals."""

import inspect
import os
import re
from collections.abc import Callable
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperArgument, TyperCommand, TyperGroup

from firelib.cli.commands import COMMANDS, find_needs, sends_stages
from firelib.extras import require_modules

#: Type of an option, as Typer names it → what the help shows for its value.
_VALUES = {"path": "PATH", "int": "N", "int range": "N", "float": "NUMBER", "float range": "NUMBER"}
_ORDER = {name: position for position, name in enumerate(COMMANDS)}


class App(typer.Typer):
    """A Typer application whose commands stand in the panel, and in the order, of `firelib.cli.commands`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=_Group, rich_markup_mode="rich", no_args_is_help=True, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Add a command; see `typer.Typer.command`. Its docstring becomes the help."""
        add = super().command

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            entry = COMMANDS.get(name or function.__name__)
            given = {"cls": _Command, "help": format_help(inspect.getdoc(function) or "")}
            return add(name, **{**given, "rich_help_panel": entry and entry.panel, **options})(function)

        return decorate


class _Command(TyperCommand):
    """A command that refuses to start without the packages that it needs, and shows an example if a word is missing."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            if not error.message and (example := _find_example(self.help or "")):  # the argument is missing
                error.message = f"Example: {example}"
            raise

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_noise(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:
        name = str(ctx.command_path).partition(" ")[2]
        if not sends_stages(os.environ):  # another machine does the work
            require_modules(find_needs(name), f"firelib {name}")
        return super().invoke(ctx)


class _Group(TyperGroup):
    """A group of commands, listed in the order of work."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        if self.name in _ORDER:  # this group is a command itself: its commands stay in the order of their definition
            return names
        return sorted(names, key=lambda name: _ORDER.get(name, len(_ORDER)))

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_noise(super().get_params(ctx))


def _without_noise(params: list[Any]) -> list[Any]:
    """Show values as people name them: `--force` instead of `--force <bool>`, `--output PATH` instead of `<path>`."""
    for param in params:
        if isinstance(param, TyperArgument):
            param.display_type_rich = _no_type  # type: ignore[method-assign]  # `metavar` is an argument's name
        elif param.metavar is None and not param.type_descriptor.is_choice:
            param.metavar = "" if param.is_flag else _VALUES.get(param.display_type(None).strip("<>"), "TEXT")
    return params


def _no_type(ctx: Any) -> None:
    del ctx


def format_help(text: str) -> str:
    r"""Turn a docstring into Rich's markup: a paragraph becomes one line, and each example has a line of its own.

    Args:
        text: The docstring. Examples are in backticks, after `Examples:`, and divided by ` · `.

    Example:
        >>> print(format_help("Do it.\n\nExamples: `firelib run` · `firelib run train`"))
        Do it.
        <BLANKLINE>
        [bold]Examples[/]
        [cyan]firelib run[/]
        [cyan]firelib run train[/]
    """
    prose, _, examples = text.partition("Examples:")
    paragraphs = [_mark_code(" ".join(part.split())) for part in prose.split("\n\n")]
    lines = [f"[cyan]{escape(each.strip().strip('`'))}[/]" for each in " ".join(examples.split()).split(" · ")]
    shown = ["\n".join(["[bold]Examples[/]", *lines])] if examples else []
    return "\n\n".join([*filter(None, paragraphs), *shown])


def _find_example(text: str) -> str | None:
    """The first example in a help text, as `format_help` writes it."""
    _, _, examples = text.partition("[bold]Examples[/]\n")
    first = re.match(r"\[cyan\](.+)\[/\]", examples)
    return first[1].replace("\\[", "[") if first else None


def _mark_code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"[cyan]\1[/]", escape(text))
