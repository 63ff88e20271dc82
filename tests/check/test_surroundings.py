"""What the check finds out about the machine and the project's folder."""

from pathlib import Path

from firelib.check.configuration import Configuration
from firelib.check.surroundings import check_surroundings
from firelib.check.yaml_lines import YamlLines
from tests.recipes.tiny import project


def test_module_of_python_in_the_project_is_an_error(tmp_path: Path) -> None:
    """No stage starts with one; beside a recipe in a folder below, it may do no harm."""
    (tmp_path / "recipes").mkdir()
    for name in ("random.py", "recipes/calendar.py"):
        (tmp_path / name).touch()
    params, _ = project(tmp_path)
    (tmp_path / "params.yaml").touch()
    file = tmp_path / "params.yaml"
    configuration = Configuration(file, YamlLines(file), {}, params, None)
    found = check_surroundings(configuration, tmp_path, str(tmp_path / "recipes/r.py"))
    severities = {Path(each.file or "").name: each.severity for each in found}
    assert severities.items() >= {"random.py": "error", "calendar.py": "warning"}.items()
