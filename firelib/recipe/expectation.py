"""What a recipe expects of the statistics of a feature, and of its drift."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal

from firelib.errors import FirelibError
from firelib.recipe.problem import refuse_declaration

_ENDS = 2  # of a bound


@dataclass(frozen=True)
class Expectation:
    """Bounds for the statistics of a feature on the training split, and for its drift, all inclusive.

    `Feature.range` sets single rows aside; an expectation looks at all of them, and stops `firelib transform` before it
    replaces the dataset.

    Attributes:
        feature: Name of the feature.
        missing: Largest share of missing values.
        mean: Smallest and largest mean.
        std: Smallest and largest standard deviation.
        distinct: Smallest and largest number of distinct strings.
        psi: Largest population stability index of a feature or the label, on all splits, against the data that the
            kept model was trained on. By the usual rule of thumb, 0.1 is a change and 0.25 a large one.
        on_failure: `fail`, or `warn` to keep the dataset with a note.

    Raises:
        FirelibError: No bound is given, or a bound is empty or is none.

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
    psi: float | None = None
    on_failure: Literal["fail", "warn"] = "fail"

    def __post_init__(self) -> None:
        for what, remedy in self._problems():
            refuse_declaration(FirelibError(what, where=f"expectation of {self.feature!r}", remedy=remedy))
            return

    def _problems(self) -> Iterator[tuple[str, str]]:
        limits = {"missing": self.missing, "psi": self.psi}
        bounds = {"mean": self.mean, "std": self.std, "distinct": self.distinct}
        if all(each is None for each in (*limits.values(), *bounds.values())):
            yield "the expectation has no bound", "give it one of missing, mean, std, distinct, psi"
        for name, limit in limits.items():
            if limit is not None and not _is_number(limit):
                yield f"{name} is {limit!r}, not a number", f"write {name}=0.25, for example"
                return
        if self.missing is not None and not 0 <= self.missing <= 1:
            yield f"missing is {self.missing}, but it is a share", "write a number from 0 to 1"
        if self.psi is not None and not self.psi >= 0:
            yield f"psi is {self.psi}, but it is never negative", "write a number from 0, such as 0.25"
        for name, bound in bounds.items():
            if bound is not None and not _is_pair(bound):
                yield f"{name} is {bound!r}, not a pair of numbers", f"write {name}=(lowest, highest)"
            elif bound and not bound[0] <= bound[1]:  # NaN is no bound
                yield f"{name} {bound} is empty", f"write {name}=(lowest, highest)"
        if self.on_failure not in ("fail", "warn"):
            yield f"on_failure is {self.on_failure!r}", "write 'fail' or 'warn'"


def _is_pair(bound: object) -> bool:
    return isinstance(bound, Sequence) and len(bound) == _ENDS and all(map(_is_number, bound))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
