"""What a recipe expects of the statistics of a feature."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from firelib.errors import FirelibError
from firelib.recipe.problem import refuse_declaration


@dataclass(frozen=True)
class Expectation:
    """Bounds for the statistics of a feature on the training split, all inclusive.

    `Feature.range` sets single rows aside; an expectation looks at all of them, and stops `firelib transform` before it
    replaces the dataset.

    Attributes:
        feature: Name of the feature.
        missing: Largest share of missing values.
        mean: Smallest and largest mean.
        std: Smallest and largest standard deviation.
        distinct: Smallest and largest number of distinct strings.
        on_failure: `fail`, or `warn` to keep the dataset with a note.

    Raises:
        FirelibError: No bound is given, or a bound is empty.

    Example:
        >>> from firelib import Expectation
        >>> Expectation("temp", missing=0.05, mean=(30, 80)).on_failure
        'fail'
    """

    feature: str
    missing: float | None = None
    mean: tuple[float, float] | None = None
    std: tuple[float, float] | None = None
    distinct: tuple[int, int] | None = None
    on_failure: Literal["fail", "warn"] = "fail"

    def __post_init__(self) -> None:
        for what, remedy in self._problems():
            refuse_declaration(FirelibError(what, where=f"expectation of {self.feature!r}", remedy=remedy))
            return

    def _problems(self) -> Iterator[tuple[str, str]]:
        bounds = {"mean": self.mean, "std": self.std, "distinct": self.distinct}
        if self.missing is None and not any(bounds.values()):
            yield "the expectation has no bound", "give it one of missing, mean, std, distinct"
        if self.missing is not None and not 0 <= self.missing <= 1:
            yield f"missing is {self.missing}, but it is a share", "write a number from 0 to 1"
        for name, bound in bounds.items():
            if bound and bound[0] > bound[1]:
                yield f"{name} {bound} is empty", f"write {name}=(lowest, highest)"
        if self.on_failure not in ("fail", "warn"):
            yield f"on_failure is {self.on_failure!r}", "write 'fail' or 'warn'"
