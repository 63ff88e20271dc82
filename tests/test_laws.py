"""The architecture's rules about imports, each with its reason; and a rule about words."""

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from itertools import groupby
from pathlib import Path

import pytest

from tests.patience import patience
from tests.project import ROOT

SOURCE = ROOT / "firelib"
MOST_MODULES = 15  # in one folder

# From top to bottom: a module imports only from its own row and the rows below.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("report", "scaffold"),
    ("launch",),
    ("compare", "data_gc", "dvc_pipeline", "serve", "tune", "vms"),
    ("check",),
    ("console_tables", "evaluate", "layers", "train"),
    ("data",),
    ("cluster", "dataset_store", "stage_records"),
    ("doctor", "job_context", "lineage", "project_layout", "ray_setup", "recipes", "tfrecord"),
    ("config", "recipe", "storage"),
    ("keras_import",),
    ("console", "errors", "extras", "gcp", "machine", "parent_watch", "process_identity", "signals", "user_folders"),
)
LAYER_OF = {name: index for index, names in enumerate(LAYERS) for name in names}


@dataclass(frozen=True)
class Rule:
    """Modules of `importer` import nothing of `forbidden`; names are below `firelib`, and include submodules.

    Attributes:
        importer: The importing module or package; empty for all.
        forbidden: The modules or packages that it must not import; empty for all.
        reason: Why.
        unless_importer: Parts of `importer` that the rule does not concern.
        unless_imported: Parts of `forbidden` that may be imported.
    """

    importer: str
    forbidden: tuple[str, ...]
    reason: str
    unless_importer: tuple[str, ...] = ()
    unless_imported: tuple[str, ...] = ()

    def violations(self) -> list[str]:
        return [
            f"{importer} imports {imported}: {self.reason}"
            for importer, targets in imports().items()
            for imported in targets
            if is_in(importer, self.importer) and not any(is_in(importer, part) for part in self.unless_importer)
            if any(is_in(imported, part) for part in self.forbidden)
            if not any(is_in(imported, part) for part in self.unless_imported)
        ]


BACKENDS = sorted(path.parent.name for path in SOURCE.glob("launch/backends/*/__init__.py"))
RULES = (
    Rule("recipes", ("",), "recipes are the users' model: they need the contract only", unless_imported=("recipe",)),
    Rule("tfrecord.kernels", ("",), "kernels see arrays, no firelib types", unless_imported=("tfrecord.kernels",)),
    Rule(
        "tfrecord.format",
        ("tfrecord",),
        "the format is shared by writer and reader",
        unless_imported=("tfrecord.format", "tfrecord.kernels"),
    ),
    Rule("tfrecord.write", ("tfrecord.read",), "images that only write need no TensorFlow"),
    Rule("tfrecord.read", ("tfrecord.write",), "images that only read need no encoder"),
    Rule(
        "launch",
        ("launch.client", "launch.backends"),
        "code in images runs without the SDKs of clouds",
        unless_importer=("launch.client", "launch.backends"),
    ),
    Rule("", ("launch.client",), "only the command line waits for jobs", unless_importer=("cli", "launch.client")),
    *(
        Rule(
            f"launch.backends.{name}",
            ("launch.backends",),
            "a backend can be removed without the others",
            unless_imported=(f"launch.backends.{name}",),
        )
        for name in BACKENDS
    ),
    Rule("train.worker", ("train.driver",), "workers run without the driver's process"),
    Rule("train.model", ("train.driver", "train.worker"), "a model is checked without a worker"),
    Rule("train.checkpoint", ("train.driver", "train.worker"), "driver and workers share checkpoints"),
    Rule("train.tracking", ("train.driver", "train.worker"), "driver and workers share tracking"),
    Rule(
        "train.driver",
        ("train.worker",),
        "the driver imports no TensorFlow",
        unless_imported=("train.worker.devices", "train.worker.entry"),
    ),
)


def is_in(module: str, package: str) -> bool:
    return not package or module == package or module.startswith(f"{package}.")


@cache
def imports() -> dict[str, set[str]]:
    """Each module → the modules of firelib that it imports, also inside functions; names without `firelib.`."""
    paths = {name_of(path): path for path in SOURCE.rglob("*.py")}
    return {name: {target for target in targets(path, set(paths)) if target != name} for name, path in paths.items()}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def targets(path: Path, modules: set[str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {
        closest(name.removeprefix("firelib").removeprefix("."), modules) for name in found if is_in(name, "firelib")
    }


def closest(name: str, modules: set[str]) -> str:
    """The module that defines a name."""
    while name not in modules:
        name = name.rpartition(".")[0]
    return name


def test_imports_go_down_only():
    upward = [
        f"{importer} imports {imported}, which is above it"
        for importer, found in imports().items()
        for imported in found
        if importer and imported and LAYER_OF[imported.split(".")[0]] < LAYER_OF[importer.split(".")[0]]
    ]
    assert upward == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.importer}-{','.join(rule.forbidden)}")
def test_packages_import_only_what_they_may(rule):
    assert rule.violations() == []


def test_no_import_circle():
    TopologicalSorter(imports()).prepare()  # raises CycleError, which names the modules


def test_rules_concern_existing_modules():
    named = {name for rule in RULES for name in (rule.importer, *rule.forbidden, *rule.unless_imported) if name}
    assert sorted(name for name in named if not any(is_in(module, name) for module in imports())) == []


def test_folders_are_small():
    """All names of a folder fit on one screen."""
    modules = sorted(path.parent for path in SOURCE.rglob("*.py") if path.name != "__init__.py")
    sizes = {str(folder): len(list(files)) for folder, files in groupby(modules)}
    assert {folder: size for folder, size in sizes.items() if size > MOST_MODULES} == {}


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("firelib.data.extract, firelib.data.transform, firelib.recipes.flights", {"tensorflow", "keras", "wandb"}),
        ("firelib.train.worker.training_loop, firelib.evaluate.evaluate", {"dask", "deltalake"}),
        ("firelib.evaluate.predict, firelib.evaluate.input_rows.read", {"dask", "deltalake", "sklearn", "matplotlib"}),
        ("firelib.train.driver.train_stage", {"tensorflow", "keras"}),
        ("firelib.check.description", {"ray", "dask", "tensorflow", "keras", "sklearn", "matplotlib"}),
        ("firelib", {"numpy", "pyarrow", "ray", "pydantic"}),
    ],
)
def test_component_does_not_import_what_only_others_need(modules, absent):
    code = f"import sys, {modules}; print(*{absent!r} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=patience(120))
    assert done.stdout.split() == []


def test_no_place():
    """The word had nine meanings: say slot, worker, replica, placement, environment, offset or index."""
    lines = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted(SOURCE.rglob("*.*"))
        if path.suffix in (".py", ".yaml")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"(?<!\bin )\bplace\b|\bplaces\b", line, re.IGNORECASE)
    ]
    assert lines == [], 'only the phrase "in place" is left'
