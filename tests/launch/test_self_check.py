"""An image says what it lacks and what it should not hold; the real images are checked in test_docker.py."""

import re

import pytest

from firelib.errors import FirelibError
from firelib.launch import self_check as checks
from firelib.launch.self_check import COMPONENTS, Component, self_check
from tests.project import ROOT


def test_packages_of_others_are_named():
    with pytest.raises(FirelibError, match=r"(?s)tensorflow is there, of another component.*keras is there"):
        self_check("extract")


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(checks.COMPONENTS, "broken", Component("train", ("surely_not_installed",), ()))
    with pytest.raises(FirelibError, match="surely_not_installed"):
        self_check("broken")


def test_versions_are_given(monkeypatch):
    monkeypatch.setitem(checks.COMPONENTS, "small", Component("train", ("firelib.recipe",), ()))
    assert self_check("small")["ray"] == "2.60.0"


def test_an_unknown_component(monkeypatch):
    monkeypatch.setenv("FIRELIB_COMPONENT", "trainr")
    with pytest.raises(FirelibError, match="did you mean 'trainer'"):
        self_check()


def test_each_component_has_its_packages_in_the_dockerfile():
    stages = re.findall(r"^FROM \S+ AS (\w+)$", (ROOT / "images/Dockerfile").read_text(), re.MULTILINE)
    assert set(COMPONENTS) < set(stages)
