"""The guard on a machine that has GPUs: enough, too few, and hidden ones."""

import os

import pytest

from firelib.launch.runtime.gpus.guard import collect_evidence, require_gpus
from tests.errors import refused

pytestmark = pytest.mark.gpu


def test_all_gpus_are_found(gpus, capsys):
    require_gpus({**os.environ, "FIRELIB_EXPECTED_GPUS": str(gpus)})
    assert f"{gpus} of {gpus} GPUs" in capsys.readouterr().err


def test_more_gpus_than_there_are_are_refused(gpus):
    with refused(what=gpus + 1):
        require_gpus({**os.environ, "FIRELIB_EXPECTED_GPUS": str(gpus + 1)})


def test_hidden_gpus_are_refused(gpus):
    with refused(what="CUDA_VISIBLE_DEVICES=-1"):
        require_gpus({**os.environ, "FIRELIB_EXPECTED_GPUS": "1", "CUDA_VISIBLE_DEVICES": "-1"})


def test_a_driver_that_the_loader_does_not_find_is_named(gpus, tmp_path):
    """A library of this name that is no library comes first in the search path."""
    (tmp_path / "libcuda.so.1").write_text("no library")
    evidence = collect_evidence({**os.environ, "LD_LIBRARY_PATH": str(tmp_path)})
    assert not evidence.has_driver_library
    assert evidence.visible == 0
