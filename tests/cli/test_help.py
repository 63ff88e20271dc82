"""What the command line says about a command that is incomplete."""

import re

import pytest
from typer.testing import CliRunner

from firelib.cli import app


@pytest.mark.parametrize(
    ("command", "missing", "example"),
    [
        (["init"], "DIR", "firelib init shop --from orders.csv --label returned"),
        (["data", "diff"], "A", "firelib data diff 4 5"),
        (["logs"], "job_id", "firelib logs ID"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_missing_argument_comes_with_an_example(command: list[str], missing: str, example: str) -> None:
    done = CliRunner().invoke(app, command)
    said = " ".join(re.sub(r"[│╭╰╮╯─]", " ", done.stderr).split())
    assert done.exit_code == 2
    assert f"'{missing}'" in said
    assert f"Example: {example}" in said


def test_a_wrong_value_keeps_its_own_message() -> None:
    done = CliRunner().invoke(app, ["init", "x", "--kind", "pictures"])
    assert done.exit_code == 2
    assert "Example:" not in done.stderr
    assert "pictures" in done.stderr
