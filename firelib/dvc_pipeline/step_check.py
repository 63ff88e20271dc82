"""Check that dvc.yaml has the stages that the recipe needs."""

from collections.abc import Iterator
from pathlib import Path

from firelib.check.description import Description
from firelib.check.finding import Finding, from_error
from firelib.check.yaml_lines import YamlLines
from firelib.dvc_pipeline.dvc_file import DvcFile
from firelib.errors import FirelibError

_REMEDY = "run firelib sync, which brings dvc.yaml into step with the recipe"


def check_dvc_file(description: Description) -> Iterator[Finding]:
    """Compare dvc.yaml with the recipe; a project need not have the file.

    Args:
        description: The project, with the file's folder; nothing is compared where recipe or parameters are invalid.
    """
    configuration, recipe = description.configuration, description.recipe
    pipeline = configuration.file.with_name("dvc.yaml")
    if recipe is None or configuration.params is None or not pipeline.is_file():
        return
    try:
        differences = DvcFile(recipe, configuration.params, description.paths, pipeline).compare()
    except FirelibError as error:
        yield from_error(error, "configuration", str(pipeline))
        return
    lines = YamlLines(Path(pipeline))
    for each in differences:
        severity = "error" if each.fails or each.key == "cmd" else "warning"
        line = lines.find(("stages", each.stage, each.key))
        yield Finding(severity, "configuration", str(each), _REMEDY, str(pipeline), line, each.add or each.remove)  # type: ignore[arg-type]
