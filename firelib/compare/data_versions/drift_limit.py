"""A limit for drift, for scripts that must not train or predict with data that have moved too far."""

import shlex
from collections.abc import Collection, Sequence

from firelib.data.versions.drift import Drift
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Recipe


def check_names(names: Collection[str], recipe: Recipe) -> None:
    """Refuse names of features that the recipe lacks.

    Args:
        names: Features without a limit.
        recipe: Declares features and label.

    Raises:
        FirelibError: A name is unknown.
    """
    known = [*(feature.name for feature in recipe.features), recipe.label.name]
    for name in names:
        if name not in known:
            raise FirelibError(f"unknown feature {name!r}", where="--except", remedy=did_you_mean(name, known))


def refuse_drift(drifts: Sequence[Drift], limit: float, exceptions: Collection[str], where: str) -> None:
    """Refuse features that have moved further than a limit.

    Args:
        drifts: The features.
        limit: The largest PSI that is accepted.
        exceptions: Names of features without a limit, such as the month of data that grow by month.
        where: What was compared.

    Raises:
        FirelibError: Features have moved further; the error names all of them.
    """
    moved = [drift for drift in drifts if drift.psi > limit and drift.name not in exceptions]
    if moved:
        names = " ".join(f"--except {shlex.quote(drift.name)}" for drift in moved)
        raise FirelibError(
            "\n".join(f"feature {drift.name!r} has moved: PSI {drift.psi:.3f}, at most {limit:g}" for drift in moved),
            where=where,
            remedy=f"look at the picture; accept what is expected ({names}, or a larger --max-psi), or train again",
        )
