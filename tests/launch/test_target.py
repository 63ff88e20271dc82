"""Settings of backends: parsed into types, with all wrong ones reported at once."""

from typing import Annotated

import pytest
from pydantic import BeforeValidator, model_validator

from firelib.launch.target import Target, setting
from tests.errors import refused
from tests.launch.problems import find_problem


def _parse_pair(text: str) -> tuple[int, int]:
    left, comma, right = text.partition(",")
    if not comma:
        raise ValueError(f"expected A,B, got {text!r}")
    return int(left), int(right)


class Settings(Target):
    host: str = setting("host", example="HOST", default="", pattern=r"^[a-z]+$", required=True, variable="LAB_HOST")
    pair: Annotated[tuple[int, int] | None, BeforeValidator(_parse_pair)] = setting("pair", example="1,2")
    note: str | None = setting("note", example="TEXT")


def test_settings_are_typed():
    target = Settings.parse({"host": "lab", "pair": "1,2"})
    assert (target.host, target.pair, target.note) == ("lab", (1, 2), None)


def test_all_problems_are_reported_with_the_rest_parsed():
    target, problems = Settings.parse_with_problems({"pair": "1", "hst": "lab", "note": "x"})
    assert target == Settings(note="x")
    assert find_problem(problems, "target.pair:", "A,B", "'1'")
    assert find_problem(problems, "target.hst", "'host'")
    assert find_problem(problems, "target.host", "--set host=HOST", "LAB_HOST")
    assert len(problems) == 3


def test_a_wrong_value_shows_the_expected_form():
    with refused(what=[("target.host", "HOST", "'Lab 1'")], remedy="--set"):
        Settings.parse({"host": "Lab 1"})


class Strict(Target):
    zone: str

    @model_validator(mode="after")
    def _refuse_moon(self) -> "Strict":
        if self.zone == "moon":
            raise ValueError("nothing runs on the moon")
        return self


def test_settings_without_defaults_and_rules_for_the_whole_are_reported_too():
    """Backends of other packages may have either."""
    assert find_problem(Strict.parse_with_problems({})[1], "target.zone")
    assert Strict.parse_with_problems({"zone": "moon"})[1] == ["target: nothing runs on the moon"]


def test_variables_provide_defaults():
    assert Settings.defaults({"LAB_HOST": "lab", "note": "x"}) == {"host": "lab"}


def test_a_backend_without_settings_accepts_none():
    assert Target.parse({}) == Target()
    with refused(what="target.zone"):
        Target.parse({"zone": "b"})


def test_targets_are_immutable():
    with pytest.raises(ValueError, match="frozen"):
        Settings.parse({"host": "lab"}).host = "other"
