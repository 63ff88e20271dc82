"""How the time of extract and transform grows with the rows and shrinks with the cores."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

_Values = npt.NDArray[np.float64]
_SPREAD = 2  # largest ÷ smallest size; below it, the noise of two runs looks like a slope
_GROWTH = 0.01  # of a run's time: what grows less with the rows is noise


@dataclass(frozen=True)
class Point:
    """One measurement.

    Attributes:
        rows: Rows of the run.
        cores: Cores that it used.
        seconds: Wall time.
    """

    rows: float
    cores: float
    seconds: float


@dataclass(frozen=True)
class StageCurve:
    """Seconds of a stage: `fixed + rows × (serial + parallel ÷ cores)`.

    Attributes:
        fixed: Seconds that do not depend on the rows.
        serial: Seconds per row that more cores do not shorten.
        parallel: Core-seconds per row that all cores share.
        most_rows: Rows of the largest measurement.
        most_cores: Cores of the largest measurement.
    """

    fixed: float
    serial: float
    parallel: float
    most_rows: float
    most_cores: float

    def seconds(self, rows: float, cores: float) -> float:
        """Predict the wall time.

        Args:
            rows: Rows of the run.
            cores: Cores that it can use.
        """
        return self.fixed + rows * (self.serial + self.parallel / cores)


def fit_stage(points: Sequence[Point], usual_fixed: float) -> StageCurve:
    """Fit a curve to measurements, all of which count by their relative error.

    Args:
        points: At least one measurement.
        usual_fixed: Seconds that do not depend on the rows, for measurements from which they cannot be told.

    Returns:
        The curve. Without measurements on different numbers of cores, all of the time per row counts as parallel.
    """
    rows, cores, seconds = np.array([[point.rows, point.cores, point.seconds] for point in points]).T
    growing = {"serial": rows, "parallel": rows / cores}
    if len(set(cores)) == 1:
        del growing["serial"]
    fixed, rates = fit_growth(list(growing.values()), rows, seconds, usual_fixed)
    found = dict(zip(growing, rates, strict=True))
    return StageCurve(fixed, found.get("serial", 0.0), found["parallel"], rows.max(), cores.max())


def fit_growth(
    growing: Sequence[_Values], sizes: _Values, seconds: _Values, usual_fixed: float
) -> tuple[float, list[float]]:
    """Fit fixed seconds and rates, which are never all zero: no size is free.

    The fixed seconds are fitted only where the sizes are far apart and the time grows with them; otherwise the usual
    ones count, but at most half of the shortest measurement.

    Args:
        growing: What the rates are multiplied with, each float64 [measurements].
        sizes: Rows of each measurement, float64 [measurements].
        seconds: Time of each measurement, float64 [measurements].
        usual_fixed: The usual fixed seconds.

    Returns:
        The fixed seconds, and a rate for each item of `growing`.
    """
    terms = np.stack([np.ones_like(seconds), *growing], axis=1) / seconds[:, None]
    if sizes.max() >= _SPREAD * sizes.min():
        fixed, *rates = solve_nonnegative(terms, np.ones_like(seconds))
        if (terms[:, 1:] @ rates >= _GROWTH).any():
            return fixed, rates
    fixed = min(usual_fixed, float(seconds.min()) / 2)
    return fixed, solve_nonnegative(terms[:, 1:], 1 - fixed / seconds)


def solve_nonnegative(matrix: _Values, target: _Values) -> list[float]:
    """Least squares without negative coefficients, for a few columns: the best solution of any subset of them.

    Args:
        matrix: float64 [measurements, terms].
        target: float64 [measurements].

    Returns:
        A coefficient for each term.
    """
    best, least = [0.0] * matrix.shape[1], float(np.sum(target**2))
    for size in range(1, matrix.shape[1] + 1):
        for chosen in combinations(range(matrix.shape[1]), size):
            part = matrix[:, chosen]
            scale = np.linalg.norm(part, axis=0)  # terms differ by many orders of magnitude
            solution = np.linalg.lstsq(part / scale, target, rcond=None)[0] / scale
            error = float(np.sum((part @ solution - target) ** 2))
            if (solution >= 0).all() and error < least * (1 - 1e-9):
                best, least = [0.0] * matrix.shape[1], error
                for index, value in zip(chosen, solution, strict=True):
                    best[index] = float(value)
    return best
