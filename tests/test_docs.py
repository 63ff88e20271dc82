"""What the documentation says exists."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from configparser import ConfigParser

import click
import pytest
import typer
import yaml
from pydantic import BaseModel

from firelib.cli import app
from firelib.config import Environment, Params
from tests.project import ROOT

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "ansible" / "roles").glob("*/README.md")),
]
ROLES = sorted((ROOT / "ansible" / "roles").iterdir())


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
            known = {name for option in options for name in (*option.opts, *option.secondary_opts)} | {"--help", "-h"}
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


def test_readme_lists_every_command():
    page = (ROOT / "README.md").read_text()
    assert [name for name in command_names(typer.main.get_command(app)) if f"`{name}" not in page] == []


def command_names(command: click.Command, prefix: str = "firelib") -> Iterator[str]:
    for name, sub in getattr(command, "commands", {}).items():
        if not sub.hidden:
            yield from command_names(sub, f"{prefix} {name}")
    if not hasattr(command, "commands"):
        yield prefix


def test_modules_of_the_architecture_exist():
    page = (ROOT / "docs/architecture.md").read_text()
    modules = set(re.findall(r"`((?:firelib|tests)/[\w/.]+)`", page))
    assert len(modules) > 30
    assert [name for name in sorted(modules) if not (ROOT / name).exists() and not (ROOT / f"{name}.py").exists()] == []


def test_every_page_is_in_the_navigation_of_the_site():
    site = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader=SiteLoader)
    listed = {page for section in site["nav"] for page in navigation(section)}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= listed


class SiteLoader(yaml.SafeLoader):
    """Reads mkdocs.yml, whose tags name Python functions, without importing them."""


SiteLoader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda loader, suffix, node: suffix)


def navigation(entry: "str | list[object] | dict[str, object]") -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    for child in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ():
        yield from navigation(child)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_readme_of_a_role_lists_every_variable(role):
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    page = (role / "README.md").read_text()
    for name, spec in specs.items():
        row = next((line for line in page.splitlines() if line.startswith(f"| `{name}` |")), "")
        assert row, f"{role.name}: {name} is missing"
        assert "default" not in spec or f"`{as_text(spec['default'])}`" in row, f"{role.name}: {name}'s default"


def as_text(default: object) -> str:
    """A default as YAML writes it on one line."""
    return yaml.safe_dump(default, default_flow_style=True, width=1000).splitlines()[0]


def test_both_ansible_configurations_agree():
    root, inside = (ConfigParser(), ConfigParser())
    root.read(ROOT / "ansible.cfg")
    inside.read(ROOT / "ansible/ansible.cfg")
    assert root.sections() == inside.sections()
    for section in root.sections():
        assert root[section].keys() == inside[section].keys()
        for name, value in root[section].items():
            other = inside[section][name]
            same_path = (ROOT / value).exists() and (ROOT / value).samefile(ROOT / "ansible" / other)
            assert same_path or value == other, f"{section}.{name}"


def test_hooks_run_the_programs_of_the_lock():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks[0]["hooks"])


@pytest.mark.parametrize("file", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.stem)
def test_make_targets_of_workflows_exist(file):
    for target in re.findall(r"(?:run: |&& )make ([a-z-]+)", file.read_text()):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{file.name}: {done.stderr}"


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
