import gc
import importlib
import sys
from pathlib import Path

import pytest

from firelib.keras_import import _absent, collector_paused


def test_absent_modules_cannot_be_imported_meanwhile_and_can_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "side_door.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with _absent("side_door"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("side_door")
    assert importlib.import_module("side_door").__name__ == "side_door"
    monkeypatch.delitem(sys.modules, "side_door")


def test_what_was_imported_before_stays(tmp_path: Path) -> None:
    with _absent("json"):
        import json
    assert json is sys.modules["json"]


def test_a_failed_import_hides_nothing_for_good() -> None:
    with pytest.raises(RuntimeError), _absent("not_there_at_all"):
        raise RuntimeError
    assert "not_there_at_all" not in sys.modules


def test_the_collector_is_paused_and_goes_on_if_it_was_on() -> None:
    assert gc.isenabled()
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
