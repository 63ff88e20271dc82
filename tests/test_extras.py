"""The tables of optional packages against pyproject.toml, and commands without them."""

import re
import tomllib
from importlib.metadata import packages_distributions

import pytest

from firelib.cli.commands import COMMANDS, STAGES, find_needs, run_needs
from firelib.data.sources.extras import require_extra
from firelib.errors import FirelibError
from firelib.extras import EXTRAS, find_extra, find_missing, require_modules
from tests.project import ROOT

#: Packages that this environment lacks, since only other machines need them.
MODULES = {"ansible": "ansible", "tensorflow[and-cuda]": "nvidia"}


def distribution(requirement: str) -> str:
    return re.split(r"[=<>;]", requirement)[0].strip().lower()


def declared() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        name: sorted(map(distribution, requirements)) for name, requirements in project["optional-dependencies"].items()
    }


def test_table_has_the_extras_of_pyproject():
    assert list(EXTRAS) == sorted(EXTRAS, key=list(EXTRAS).index)
    assert set(EXTRAS) == set(declared())


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_each_package_of_an_extra_has_a_module_in_the_table(extra):
    providers = packages_distributions()
    roots = {module.partition(".")[0] for module in EXTRAS[extra].modules}
    for package in declared()[extra]:
        name = package.partition("[")[0].replace("_", "-")
        own = {root for root in roots if name in {d.lower().replace("_", "-") for d in providers.get(root, ())}}
        assert own or MODULES.get(package) in roots, package
    packages = {package.partition("[")[0] for package in declared()[extra]}
    for root in roots - set(MODULES.values()):
        assert packages & {d.lower().replace("_", "-") for d in providers[root]}, root


@pytest.mark.parametrize("command", [*COMMANDS, "data diff", "data log", "data show", "pipeline compile"])
def test_commands_need_modules_of_the_extras_that_they_name(command):
    for extra, modules in find_needs(command).items():
        assert set(modules) <= set(EXTRAS[extra].modules)


def test_needs_of_a_run_are_those_of_its_stages():
    needs = run_needs(STAGES)
    assert set(needs) == {"data", "pipeline", "train"}
    assert set(run_needs(["train"])) == {"pipeline", "train"}
    assert "sklearn" in needs["train"]


def test_all_missing_modules_and_extras_are_named_at_once():
    with pytest.raises(FirelibError) as raised:
        require_modules({"data": ["json", "absent_a"], "train": ["absent_b.part"]}, "firelib transform")
    assert raised.value.what == "firelib transform needs absent_a, absent_b.part, which this environment lacks"
    assert "pip install 'firelib[data,train]'" in str(raised.value.remedy)


def test_extra_of_a_module():
    assert find_extra("dask") == "data"
    assert find_extra("google.cloud.aiplatform.gapic") == "vertex"
    assert find_extra("json") is None
    assert find_missing(["json", "absent.part"]) == ["absent.part"]


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_installed_modules_are_found_also_inside_of_namespace_packages(extra):
    """`ruamel` has no code of its own: `ruamel.yaml` has."""
    for module in set(EXTRAS[extra].modules) - set(find_missing(EXTRAS[extra].modules)):
        require_extra(module, extra, "a test")
