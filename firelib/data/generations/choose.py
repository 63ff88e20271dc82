"""Decide whether a dataset has generations, and which."""

from dataclasses import dataclass

from firelib.data.generations.independence import EagerComputation, explain_dependence
from firelib.data.generations.job import TransformJob
from firelib.data.generations.plan import Generation, explain_single, find_growing_table, plan_generations
from firelib.data.joined_table import describe_table
from firelib.errors import FirelibError


@dataclass(frozen=True)
class Choice:
    """The generations of a dataset.

    Attributes:
        generations: The generations, oldest first.
        reason: Why there is only one, which every new commit changes; None if there may be several.
    """

    generations: list[Generation]
    reason: str | None = None


def choose_generations(job: TransformJob) -> Choice:
    """The generations of a dataset.

    Args:
        job: The inputs of the transform.

    Raises:
        FirelibError: The recipe's `transform` fails, or lacks columns that the window needs.
    """
    reason = explain_single(job.recipe, job.lake)
    table = find_growing_table(job.recipe, job.lake)
    if reason or table is None:
        return Choice([Generation()], reason)
    commits, window = job.commits(table), job.original.window
    planned = plan_generations(table, commits, job.row_bytes, job.shard_bytes, window or 0)
    if window:
        _check_columns(job, planned[-1], table)
    elif window is None and len(planned) > 1:
        reason = _explain_dependence(job, planned[-1], table)
    return Choice([Generation()], reason) if reason else Choice(planned)


def _explain_dependence(job: TransformJob, generation: Generation, table: str) -> str | None:
    tables = job.read_tables(generation)
    with EagerComputation() as eager:
        frame = describe_table(job.recipe, tables)
    if eager.found:
        return "transform computes rows while it describes its table (.compute(), .head(), len() …)"
    problem = explain_dependence(frame, tables[table])
    return problem and f"transform may make a row of one commit of {table!r} depend on others: {problem}"


def _check_columns(job: TransformJob, generation: Generation, table: str) -> None:
    """Refuse a window where rows do not tell their commit: those of earlier commits could not be left out."""
    columns = describe_table(job.recipe, job.read_tables(generation)).columns
    missing = [name for name in job.recipe.sources[table].commit_by if name not in columns]
    if missing:
        raise FirelibError(
            f"the table that transform returns lacks {', '.join(map(repr, missing))}, which tells the commit of a row",
            where=f"recipe {job.recipe.name!r}: window",
            remedy=f"keep the columns of commit_by of table {table!r} in transform, or remove window",
        )
