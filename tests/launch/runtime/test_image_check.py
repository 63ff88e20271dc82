"""An image says what it lacks and what it should not hold; the real images are checked in test_docker.py."""

import re

import pytest

from firelib.errors import FirelibError
from firelib.launch.runtime import image_check as checks
from firelib.launch.runtime.image_check import COMPONENTS, Component, self_check
from tests.launch.problems import has_problem
from tests.project import ROOT


def test_packages_of_others_are_named():
    with pytest.raises(FirelibError) as caught:
        self_check("extract")
    for package in ("tensorflow", "keras"):
        assert has_problem(caught.value, package)
    assert "make images" in caught.value.remedy


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(checks.COMPONENTS, "broken", Component("train", ("surely_not_installed",), ()))
    with pytest.raises(FirelibError) as caught:
        self_check("broken")
    assert "surely_not_installed" in caught.value.what


def test_versions_are_given(monkeypatch):
    monkeypatch.setitem(checks.COMPONENTS, "small", Component("train", ("firelib.recipe",), ()))
    assert self_check("small")["ray"] == "2.60.0"


def test_an_unknown_component(monkeypatch):
    monkeypatch.setenv("FIRELIB_COMPONENT", "trainr")
    with pytest.raises(FirelibError) as caught:
        self_check()
    assert "'trainr'" in caught.value.what
    assert "'trainer'" in caught.value.remedy


def test_each_component_has_its_packages_in_the_dockerfile():
    stages = re.findall(r"^FROM \S+ AS (\w+)$", (ROOT / "images/Dockerfile").read_text(), re.MULTILINE)
    assert set(COMPONENTS) < set(stages)
