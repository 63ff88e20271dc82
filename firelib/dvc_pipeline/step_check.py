"""Check that dvc.yaml has the stages that the recipe needs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from firelib.check.description import Description
from firelib.check.finding import Finding, from_error, grade
from firelib.check.yaml_lines import YamlLines
from firelib.dvc_pipeline.dvc_file import Difference, DvcFile
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
    differences = [each for each in differences if not _is_wrong_source(each, description)]
    lines = YamlLines(Path(pipeline))
    for stage, group in groupby(differences, key=lambda difference: difference.stage):
        found = sorted(group, key=_is_mistake, reverse=True)
        line = lines.find(("stages", stage, found[0].key))
        value = found[0].add or found[0].remove
        what = f"{stage}: {'; '.join(_summarize(found))}"
        yield Finding(grade(_is_mistake(found[0])), "configuration", what, _REMEDY, str(pipeline), line, value)


def _is_wrong_source(difference: Difference, description: Description) -> bool:
    """Whether a dependency is missing only because the recipe names a source that cannot be read."""
    if difference.key != "deps" or difference.add is None:
        return False
    unread = (finding.what for finding in description.findings if finding.kind == "source")
    return any(difference.add in what for what in unread)


def _is_mistake(difference: Difference) -> bool:
    """Whether a run would fail, or run something else."""
    return difference.fails or difference.key == "cmd"


def _summarize(differences: Sequence[Difference]) -> Iterator[str]:
    """All differences of a stage: after another name of the recipe, each of its paths is one."""
    paths = defaultdict[str, list[str]](list)
    for each in differences:
        if not each.key or each.key == "cmd":
            yield str(each).partition(": ")[2]
        elif each.add is not None:
            paths["missing"].append(each.add)
        else:
            lacking = "not in params.yaml" if each.key == "params" else "not written"
            paths[lacking if each.fails else "not needed"].append(str(each.remove))
    yield from (f"{problem}: {', '.join(names)}" for problem, names in paths.items())
