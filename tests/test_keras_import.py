import gc
import importlib
import sys
from pathlib import Path

import pytest

from firelib.keras_import import _hide_modules, pause_garbage_collector


def test_hidden_modules_can_be_imported_only_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "side_door.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with _hide_modules("side_door"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("side_door")
    assert importlib.import_module("side_door").__name__ == "side_door"
    monkeypatch.delitem(sys.modules, "side_door")


def test_imported_modules_stay(tmp_path: Path) -> None:
    with _hide_modules("json"):
        import json
    assert json is sys.modules["json"]


def test_modules_are_visible_again_after_an_error() -> None:
    with pytest.raises(RuntimeError), _hide_modules("not_there_at_all"):
        raise RuntimeError
    assert "not_there_at_all" not in sys.modules


def test_garbage_collector_is_paused_and_restored() -> None:
    assert gc.isenabled()
    with pause_garbage_collector():
        assert not gc.isenabled()
        with pause_garbage_collector():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
