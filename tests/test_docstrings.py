"""The examples in docstrings of the public API run."""

import doctest
import inspect
import sys
from types import ModuleType

import pytest

from firelib import Feature, FittedFeature, Recipe, Source, errors, open_dataset, rows, write_tfrecords
from firelib.evaluate.input_rows import json_rows
from firelib.tfrecord.format.manifest import Manifest
from firelib.tfrecord.read.dataset import Dataset

# What users call: each has an example.
PUBLIC = (Recipe, Feature, FittedFeature, Source, rows, open_dataset, Dataset.as_tf, write_tfrecords, Manifest)
MODULES = sorted({errors.__name__, json_rows.__name__, *(thing.__module__ for thing in PUBLIC)})


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: thing.__qualname__)
def test_public_name_has_an_example(thing: object) -> None:
    assert doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")


@pytest.mark.parametrize("module", [sys.modules[name] for name in MODULES], ids=MODULES)
def test_examples_run(module: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert not failed, capsys.readouterr().out
