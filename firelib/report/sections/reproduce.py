"""How to make everything again, and how to check that nothing has changed."""

from collections.abc import Iterator

from firelib.lineage import git_state
from firelib.report.content import Block, Code, Missing, Text
from firelib.report.project import HASH_DIGITS, ReportedProject


def commands(project: ReportedProject) -> Iterator[Block]:
    """The commands that make the same data, model and metrics."""
    git = git_state(project.folder)
    lines = [f"git checkout {git['revision'][:HASH_DIGITS]}"] if git["revision"] else []
    has_makefile = (project.folder / "Makefile").is_file()
    make = f"make run RECIPE={project.name}" if project.recipe_option else "make run"
    lines += [make if has_makefile else project.run_command]
    yield Code("Make everything again", [*lines, project.command("firelib report")])
    yield Code("Check every hash of what is here", [project.command("firelib report --verify")])
    yield Text(
        "Shards, manifest and lake.json have the same bytes on every machine. Weights of the same number of workers "
        "agree within 1e-5. Times and the files of Keras differ."
    )
    if git["dirty"]:
        yield Missing("the working tree has uncommitted changes, which the revision does not hold", "git commit")
    if not git["revision"]:
        yield Missing("no git revision: the project has no commit in git", "git init && git add . && git commit")
