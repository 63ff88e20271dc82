"""Backends are found by name: built-in ones in code, others through entry points."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from firelib.launch.backend import Backend
from firelib.launch.backends import registry
from firelib.launch.backends.registry import (
    BUILT_IN,
    backend_names,
    load_backend,
    load_plugins,
    require_packages,
    validate_job,
)
from tests.errors import refused
from tests.launch.jobs import job
from tests.launch.test_backend import LabBackend


@pytest.fixture
def plugins(monkeypatch):
    """Return a function that installs entry points NAME=MODULE:CLASS for the rest of the test."""
    module = ModuleType("lab_plugin")
    module.LabBackend = LabBackend
    module.NotABackend = dict
    monkeypatch.setitem(sys.modules, "lab_plugin", module)

    def install(**values):
        points = [EntryPoint(name, value, registry.GROUP) for name, value in values.items()]
        monkeypatch.setattr(registry, "entry_points", lambda *, group: points if group == registry.GROUP else [])

    return install


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_backends_implement_the_interface(name):
    backend = load_backend(name)
    assert isinstance(backend, Backend)
    assert backend.name == name
    assert backend.secret_schemes


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_setting_is_described(name):
    fields = load_backend(name).target_type.model_fields
    assert all(field.description and field.json_schema_extra["example"] for field in fields.values())


def test_an_unknown_name_suggests_the_nearest():
    with refused(what="kubflow", where="--to", remedy="kubeflow"):
        load_backend("kubflow")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(BUILT_IN, "vertex", "surely_not_installed.vertex:VertexBackend")
    with refused(what="surely_not_installed", remedy="pip install 'firelib[vertex]'"):
        load_backend("vertex")


def test_packages_are_required_before_a_job_is_sent(monkeypatch):
    require_packages("local")
    monkeypatch.setattr("firelib.extras.find_missing", list)
    with refused(what=["kubeflow"], remedy="pip install 'firelib[kubeflow]'"):
        require_packages("kubeflow")


def test_a_plugin_is_a_backend_like_any_other(plugins):
    plugins(lab="lab_plugin:LabBackend")
    assert backend_names() == [*BUILT_IN, "lab"]
    assert isinstance(load_backend("lab"), LabBackend)
    assert validate_job("lab", job(image="x", target={"zone": "a"})).name == "lab"
    with refused(what=["target.zone", "image"], where=["train-1", "lab"]):
        validate_job("lab", job())
    with refused(what="lb", remedy="lab"):
        load_backend("lb")


def test_a_plugin_cannot_replace_a_built_in_backend(plugins, capsys):
    plugins(local="lab_plugin:LabBackend")
    assert not isinstance(load_backend("local"), LabBackend)
    assert backend_names() == [*BUILT_IN]
    assert "'local'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("surely_not_installed:LabBackend", "surely_not_installed"),
        ("lab_plugin:Missing", "Missing"),
        ("lab_plugin:NotABackend", "firelib.launch.backend.Backend"),
        ("lab_plugin:LabBackend", "name='lap'"),
    ],
)
def test_a_broken_plugin_is_a_warning_until_it_is_used(plugins, capsys, value, said):
    plugins(lap=value, lab="lab_plugin:LabBackend")
    assert [backend.name for backend in load_plugins()] == ["lab"]
    assert said in capsys.readouterr().err
    assert load_backend("local").name == "local"
    with refused(what=["lap", said], where=value):
        load_backend("lap")
