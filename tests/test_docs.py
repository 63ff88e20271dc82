"""What the documentation says exists."""

import re
import shlex
import subprocess
from collections.abc import Iterator

import click
import pytest
import typer
from pydantic import BaseModel

from firelib.cli import app
from firelib.config import Environment, Params
from tests.project import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(program: str) -> Iterator[tuple[str, str]]:
    """(page, command) for every command of a program, in code blocks and in running text."""
    for page in PAGES:
        text = page.read_text()
        blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
        spans = "\n".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
        for line in f"{blocks}\n{spans}".splitlines():
            line = re.sub(r"^([A-Z_]+=\S+ )+", "", line.split("#")[0].strip())
            for part in line.split(" -- "):  # `firelib submit … -- firelib train`
                if part.startswith(f"{program} "):
                    yield page.name, part


@pytest.mark.parametrize(("page", "line"), sorted(set(commands("firelib"))))
def test_firelib_command_exists(page, line):
    command: click.Command = typer.main.get_command(app)
    options = list(command.params)
    for word in shlex.split(line)[1:]:
        if word.startswith("-") and word != "-":
            known = {name for option in options for name in option.opts} | {"--help", "-h"}
            assert word in known, f"{page}: {line}"
        elif hasattr(command, "commands"):
            assert word in command.commands, f"{page}: {line}"
            command = command.commands[word]
            options = list(command.params)


@pytest.mark.parametrize(("page", "line"), sorted(set(commands("make"))))
def test_make_target_exists(page, line):
    words = shlex.split(line)
    done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page}: {done.stderr}"


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_parameter_is_explained():
    page = (ROOT / "docs/parameters.md").read_text()
    missing = [
        name for name in parameters(Params) if f"`{name}" not in page and f"`.{name.rpartition('.')[2]}" not in page
    ]
    assert missing == []


def test_every_variable_is_explained():
    page = (ROOT / "docs/parameters.md").read_text()
    assert [name for name in Environment.model_fields if f"FIRELIB_{name.upper()}`" not in page] == []


def parameters(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from parameters(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
