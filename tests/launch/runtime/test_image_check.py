"""The self-check reports missing and foreign packages; test_images.py runs it in the images."""

import re

from firelib.launch.runtime import image_check as checks
from firelib.launch.runtime.image_check import COMPONENTS, Component, self_check
from tests.errors import refused
from tests.project import ROOT


def test_foreign_packages_are_named():
    with refused(what=["tensorflow", "keras"], where="this image", remedy="make images"):
        self_check("extract")


def test_missing_modules_are_named(monkeypatch):
    monkeypatch.setitem(checks.COMPONENTS, "broken", Component("train", ("surely_not_installed",), ()))
    with refused(what="surely_not_installed"):
        self_check("broken")


def test_versions_are_returned(monkeypatch):
    monkeypatch.setitem(checks.COMPONENTS, "small", Component("train", ("firelib.recipe",), ()))
    assert self_check("small")["ray"] == "2.60.0"


def test_an_unknown_component(monkeypatch):
    monkeypatch.setenv("FIRELIB_COMPONENT", "trainr")
    with refused(what=["FIRELIB_COMPONENT", "'trainr'"], where="this image", remedy="'trainer'"):
        self_check()


def test_each_component_has_its_packages_in_the_dockerfile():
    stages = re.findall(r"^FROM \S+ AS (\w+)$", (ROOT / "images/Dockerfile").read_text(), re.MULTILINE)
    assert set(COMPONENTS) < set(stages)
