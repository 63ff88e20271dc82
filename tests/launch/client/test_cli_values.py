"""NAME=VALUE arguments."""

import pytest

from firelib.launch.client.cli_values import parse_pairs
from tests.errors import refused


def test_pairs_are_parsed() -> None:
    assert parse_pairs(["A=1", "B=x=y", "C="], "--env") == {"A": "1", "B": "x=y", "C": ""}
    assert parse_pairs(None, "--env") == {}


@pytest.mark.parametrize(
    ("arguments", "what"), [(["A=1", "planted"], 2), (["=planted"], 1), (["A=1", "A=planted"], "A")]
)
def test_errors_name_the_option_and_no_value(arguments: list[str], what: str | int) -> None:
    with refused(what=["--env", what], where="the command line", remedy="--env") as caught:
        parse_pairs(arguments, "--env")
    assert "planted" not in str(caught.value)
