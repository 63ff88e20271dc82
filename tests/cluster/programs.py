"""Programs of playbooks as modules, which are in no package."""

import importlib.util
from types import ModuleType

from tests.project import ROOT


def load(path: str) -> ModuleType:
    """Import a file below `ansible`."""
    file = ROOT / "ansible" / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
